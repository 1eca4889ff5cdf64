// Does several things at once, but not all of them.

const AT_ONCE = 4;

/** The first fault ends it: what has begun is waited for, nothing else is begun. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const faults: unknown[] = [];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined && faults.length === 0; item = left.shift())
      await work(item).catch((fault: unknown) => faults.push(fault));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (faults.length > 0) throw faults[0];
}
