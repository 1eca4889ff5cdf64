// Before the system tests: the engine's tools are fetched once, for all the empty caches that tests begin with.
import { toolsFolder } from './tools.ts';

export default async function setup(): Promise<void> {
  process.env.DRYDOCK_TOOLS = await toolsFolder();
}
