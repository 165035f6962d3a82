// A server of our own on a free port, and `hearth bench` beside it, so that both are measured in one run on the same file.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

// Starts `hearth serve` with the one model; resolves with { url, model, stop }.
export async function startServer({ hearth, file, args = [] }) {
  const home = mkdtempSync(path.join(tmpdir(), 'hearth-load-'));
  const child = spawn(hearth, ['serve', '--host', '127.0.0.1', '--port', '0', '--models', file, '--keep-alive', '-1s', ...args],
    { env: { ...process.env, HEARTH_HOME: home }, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => { child.on('exit', resolve); });
  const url = await new Promise((resolve, reject) => {
    let said = '';
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (data) => {
      said += data;
      const match = /listens on (http:\S+?);?\s/.exec(said);
      if (match) resolve(new URL(match[1]));
    });
    child.on('error', reject);
    ended.then((code) => reject(new Error(`hearth serve ended with ${code}: ${said}`)));
  });
  return {
    url,
    model: path.basename(file).replace(/\.gguf$/, ''),
    pid: child.pid,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

// `hearth bench`: { promptS, decodeS } of the whole batch, medians of `runs`.
export async function bench({ hearth, file }, { prompt, tokens, batch, runs }) {
  const { stdout } = await run(hearth, ['bench', file, '--prompt', prompt, '--gen', tokens, '--batch', batch,
    '--repeat', runs, '--json', '--quiet'].map(String));
  const report = JSON.parse(stdout);
  return {
    promptS: (prompt * batch) / report.prompt_tokens_per_s,
    decodeS: (tokens * batch) / report.decode_tokens_per_s,
  };
}
