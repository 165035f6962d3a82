// Clients that send their request a byte at a time beside those that do not: do these notice?
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { generate, milliseconds, percentile, spread } from './client.js';

const kTokens = 16;
const kByteMs = 500;

// Sends a head that never ends. Resolves with how long the server bore it; undefined: to the end.
function drip(url, stopAt) {
  return new Promise((resolve) => {
    const begin = performance.now();
    const head = `POST /api/generate HTTP/1.1\r\nHost: ${url.host}\r\nX-Slow: `;
    const socket = net.connect(Number(url.port || 80), url.hostname);
    let sent = 0;
    const timer = setInterval(() => {
      if (performance.now() >= stopAt) {
        clearInterval(timer);
        socket.removeAllListeners('close');
        socket.destroy();
        resolve(undefined);
      } else {
        socket.write(head[sent] ?? 'x');
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

// One request after the other from each of the good clients.
async function serve(options, stopAt) {
  const times = [];
  let failed = 0;
  await Promise.all(Array.from({ length: options.good }, async () => {
    while (performance.now() < stopAt) {
      const one = await generate(options, { tokens: kTokens });
      if (one.status === 200 && one.done) times.push(one.totalMs);
      else failed += 1;
    }
  }));
  return { times, failed };
}

export async function slowloris(options) {
  const ms = options.seconds * 1000;
  const quiet = await serve(options, performance.now() + ms / 2);
  const stopAt = performance.now() + ms;
  const slow = Array.from({ length: options.slow }, () => drip(options.url, stopAt));
  await sleep(kByteMs);
  const beside = await serve(options, stopAt);
  const borne = await Promise.all(slow);
  const cut = borne.filter((time) => time !== undefined);
  const ratio = percentile(beside.times, 0.99) / percentile(quiet.times, 0.99);
  return {
    good: quiet.failed + beside.failed === 0 && cut.length === borne.length,
    rows: [
      ['good clients alone', `${quiet.times.length} answers, ${spread(quiet.times)}`],
      [`beside ${options.slow} slow ones`, `${beside.times.length} answers, ${spread(beside.times)}`],
      ['p99 beside over alone', `${ratio.toFixed(2)}`],
      ['good requests that failed', `${quiet.failed} alone, ${beside.failed} beside`],
      ['slow ones cut', `${cut.length} of ${borne.length}, after at most ${milliseconds(Math.max(0, ...cut))}`],
    ],
  };
}
