// Connections that say nothing: what does each cost the server?
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';
import { residentKiB } from './client.js';

const kAtATime = 200;
const kSettleMs = 1000;

// One for all connections: each would read the system's certificates.
const context = tls.createSecureContext();

// Over TLS for "https:", to a server with whatever certificate: resolved when hands are shaken.
function connect(url) {
  return new Promise((resolve) => {
    const secure = url.protocol === 'https:';
    const at = { port: Number(url.port || (secure ? 443 : 80)), host: url.hostname };
    const socket = secure ? tls.connect({ ...at, rejectUnauthorized: false, secureContext: context }) : net.connect(at);
    socket.once(secure ? 'secureConnect' : 'connect', () => resolve(socket));
    socket.on('error', () => resolve(undefined));
  });
}

// A request on an open connection, which stays open.
function ask(socket, { url, key }) {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve(false);
    socket.once('data', (data) => resolve(data.toString().startsWith('HTTP/1.1 200')));
    socket.once('close', () => resolve(false));
    const authorization = key ? `Authorization: Bearer ${key}\r\n` : '';
    socket.write(`GET /api/version HTTP/1.1\r\nHost: ${url.host}\r\n${authorization}\r\n`);
  });
}

export async function idle(options) {
  if (!options.pid) throw new Error('--pid: whose memory is to be looked at');
  const before = residentKiB(options.pid);
  const begin = performance.now();
  const sockets = [];
  while (sockets.length < options.connections) {
    const n = Math.min(kAtATime, options.connections - sockets.length);
    const more = (await Promise.all(Array.from({ length: n }, () => connect(options.url)))).filter(Boolean);
    sockets.push(...more);
    if (more.length < n) break;
  }
  const seconds = (performance.now() - begin) / 1000;
  await sleep(kSettleMs);
  const idleKiB = residentKiB(options.pid);
  let answered = 0;
  for (let i = 0; i < sockets.length; i += kAtATime) {
    const answers = await Promise.all(sockets.slice(i, i + kAtATime).map((socket) => ask(socket, options)));
    answered += answers.filter(Boolean).length;
  }
  const usedKiB = residentKiB(options.pid);
  for (const socket of sockets) socket.destroy();
  await sleep(kSettleMs);
  const eachKiB = (now) => (now - before) / Math.max(1, sockets.length);
  const each = (now) => `${eachKiB(now).toFixed(2)} KiB`;
  const isLittle = options['most-kib'] === 0 || Math.max(eachKiB(idleKiB), eachKiB(usedKiB)) <= options['most-kib'];
  return {
    good: sockets.length === options.connections && answered === sockets.length && isLittle,
    rows: [
      ['connections', `${sockets.length} of ${options.connections}, in ${seconds.toFixed(2)} s`],
      ['memory each, new', each(idleKiB)],
      ['memory each, after a request', each(usedKiB)],
      ['answered a request then', `${answered}`],
      ['memory before, full, after', `${before}, ${usedKiB}, ${residentKiB(options.pid)} KiB`],
    ],
  };
}
