// Clients that send their request a byte at a time beside those that do not: do these notice?
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate, milliseconds, percentile, spread } from './client.js';

const kTokens = 16;
const kByteMs = 500;
const kBodyBytes = 100_000;

// Sends a head that never ends or, where `inBody`, a body. Resolves with how long the server bore it; undefined: to the
// end.
function drip({ url, key }, inBody, stopAt) {
  return new Promise((resolve) => {
    const begin = performance.now();
    const authorization = key ? `Authorization: Bearer ${key}\r\n` : '';
    const head = `POST /api/generate HTTP/1.1\r\nHost: ${url.host}\r\n${authorization}`;
    const slow = inBody ? '{ ' : `${head}X-Slow: `;
    const socket = net.connect(Number(url.port || 80), url.hostname);
    if (inBody) socket.write(`${head}Content-Length: ${kBodyBytes}\r\n\r\n`);
    let sent = 0;
    const timer = setInterval(() => {
      if (performance.now() >= stopAt) {
        clearInterval(timer);
        socket.removeAllListeners('close');
        socket.destroy();
        resolve(undefined);
      } else {
        socket.write(slow[sent] ?? ' ');
        sent += 1;
      }
    }, kByteMs);
    socket.on('error', () => {});
    socket.on('data', () => {}); // what the server has to say before it closes
    socket.on('close', () => {
      clearInterval(timer);
      resolve(performance.now() - begin);
    });
  });
}

// One request after the other from each of the good clients, as long as `goesOn()`.
async function serve(options, goesOn) {
  const times = [];
  let failed = 0;
  await Promise.all(Array.from({ length: options.good }, async () => {
    while (goesOn()) {
      const one = await generate(options, { tokens: kTokens });
      if (one.status === 200 && one.done) times.push(one.totalMs);
      else failed += 1;
    }
  }));
  return { times, failed };
}

export async function slowloris(options) {
  const quietUntil = performance.now() + options['alone-seconds'] * 1000;
  const quiet = await serve(options, () => performance.now() < quietUntil);
  const stopAt = performance.now() + options.seconds * 1000;
  const slow = Array.from({ length: options.slow }, (_, index) => drip(options, index % 2 === 1, stopAt));
  let slowOnesAreThere = true;
  const slowOnes = Promise.all(slow).finally(() => { slowOnesAreThere = false; });
  await sleep(kByteMs);
  const beside = await serve(options, () => slowOnesAreThere);
  const borne = await slowOnes;
  const cut = borne.filter((time) => time !== undefined);
  const ratio = percentile(beside.times, 0.99) / percentile(quiet.times, 0.99);
  return {
    good: quiet.failed + beside.failed === 0 && beside.times.length > 0 && cut.length === borne.length,
    rows: [
      ['good clients alone', `${quiet.times.length} answers, ${spread(quiet.times)}`],
      [`beside ${options.slow} slow ones`, `${beside.times.length} answers, ${spread(beside.times)}`],
      ['p99 beside over alone', `${ratio.toFixed(2)}`],
      ['good requests that failed', `${quiet.failed} alone, ${beside.failed} beside`],
      ['slow ones cut', `${cut.length} of ${borne.length}, after at most ${milliseconds(Math.max(0, ...cut))}`],
    ],
  };
}
