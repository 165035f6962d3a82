// A `hearth serve` for the time of a test: started on a free port with small models, and stopped in order.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const kStartMs = 60_000;
const kStopMs = 20_000;

// Resolves with the server's address once it listens.
function listening(server) {
  return new Promise((resolve, reject) => {
    let said = '';
    const timer = setTimeout(() => reject(new Error(`hearth serve does not listen after ${kStartMs} ms: ${said}`)), kStartMs);
    server.stderr.on('data', (data) => {
      said += data;
      const match = /listens on (https?:\/\/[^\s;,]+)/.exec(said);
      if (match === null) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
    server.on('exit', (code, signal) => reject(new Error(`hearth serve ended (${code ?? signal}): ${said}`)));
    server.on('error', reject);
  });
}

// The process, whose `listens` resolves with its address. `home` is made; `more` are further arguments.
export function startHearth(hearth, { models, home, more = [] }) {
  mkdirSync(home, { recursive: true });
  const server = spawn(hearth, ['serve', '--host', '127.0.0.1', '--port', '0', '--models', models, ...more],
    { env: { ...process.env, HEARTH_HOME: home }, stdio: ['ignore', 'ignore', 'pipe'] });
  server.stderr.on('data', (data) => process.stderr.write(data));
  server.listens = listening(server);
  return server;
}

// Asks the server to end, by its own process id, and says how it did: 0 for well.
export async function stopHearth(server) {
  if (server.exitCode !== null || server.signalCode !== null) return server.exitCode ?? server.signalCode;
  const ended = new Promise((resolve) => server.on('exit', (code, signal) => resolve(code ?? signal)));
  server.kill('SIGTERM');
  const timer = setTimeout(() => server.kill('SIGKILL'), kStopMs);
  const code = await ended;
  clearTimeout(timer);
  return code;
}

// What `use` gives, called with a folder of small models and the folder that it is in, which is then removed.
export async function withModels(makeModels, use) {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-test-'));
  try {
    const models = join(folder, 'models');
    mkdirSync(models);
    const made = spawnSync(makeModels, [models], { stdio: 'inherit' });
    if (made.status !== 0) throw new Error(`${makeModels} ended with ${made.status ?? made.error}`);
    return await use(models, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
