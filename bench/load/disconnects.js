// Clients that leave in the middle of their answers: are the slots free at once, and do neighbours get theirs whole?
import { generate, isRefused, milliseconds, spread, untilIdle } from './client.js';

const kLongTokens = 4096;
const kNeighbourTokens = 64;
const kNeighbours = 4;

// Leaves before, at or some parts after the first part of the answer.
async function leave(options, index) {
  const parts = index % 4;
  let seen = 0;
  await generate(options, {
    tokens: kLongTokens,
    onPart: (request) => {
      seen += 1;
      if (seen > parts) request.destroy();
    },
  });
}

export async function disconnects(options) {
  const alone = await generate(options, { tokens: kNeighbourTokens });
  let next = 0;
  let leaving = true;
  const begin = performance.now();
  const leavers = Promise.all(Array.from({ length: options['at-a-time'] }, async () => {
    while (next < options.count) {
      const index = next;
      next += 1;
      await leave(options, index);
    }
  }));
  const neighbours = [];
  const staying = Promise.all(Array.from({ length: kNeighbours }, async () => {
    while (leaving) neighbours.push(await generate(options, { tokens: kNeighbourTokens }));
  }));
  await leavers;
  const seconds = (performance.now() - begin) / 1000;
  leaving = false;
  await staying;
  const idleMs = await untilIdle(options);
  const answered = neighbours.filter((one) => one.status === 200 && one.done);
  const hurt = answered.filter((one) => one.text !== alone.text).length + neighbours.filter((one) => one.status === 0).length;
  return {
    good: idleMs !== undefined && hurt === 0 && answered.length > 0,
    rows: [
      ['clients that left', `${options.count}, ${(options.count / seconds).toFixed(0)} a second`],
      ['free after the last one', idleMs === undefined ? 'never' : milliseconds(idleMs)],
      ['neighbours', `${answered.length} answers, ${spread(answered.map((one) => one.totalMs))}`],
      ['neighbours refused (429, 503)', `${neighbours.filter(isRefused).length}`],
      ['neighbours hurt', `${hurt}`],
    ],
  };
}
