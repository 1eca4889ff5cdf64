// Loaded into a Node process (`--import`): its wall clock is off by TEST_CLOCK days, or with `jumps` leaps days ahead and back again and again.
const DAY_MS = 24 * 60 * 60 * 1000;
const RealDate = Date;
const asked = process.env.TEST_CLOCK ?? '0';
let offset = Number(asked) * DAY_MS || 0;
if (asked === 'jumps') {
  const leap = () => {
    offset = Math.round((Math.random() - 0.5) * 800) * DAY_MS;
  };
  leap();
  setInterval(leap, 150).unref();
}

globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length === 0) super(RealDate.now() + offset);
    else super(...given);
  }

  static now() {
    return RealDate.now() + offset;
  }
};
