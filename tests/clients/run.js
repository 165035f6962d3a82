// Starts a Hearth with small models on a free port, lets the clients of this folder talk to it, and stops it:
//
//   tests/clients/run HEARTH MAKE_MODELS [FILE...]
//   tests/clients/run --install
//
// HEARTH and MAKE_MODELS are the built programs; FILEs the tests to run (default: all *.test.js here). --install gets the
// packages and does no more. Exit codes: 0 all is well, 1 something is not, 77 the clients cannot be installed here.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHearth, stopHearth, withModels } from './hearth_process.js';

const kSkipped = 77;
const kPromptText = 'a tale'; // that the tests ask for, over and over
const kLeastAuditRows = 5;
const kInstallMs = 300_000;
const here = dirname(fileURLToPath(import.meta.url));

function skip(reason) {
  console.log(`skipped: ${reason}`);
  process.exit(kSkipped);
}

// Installs what package-lock.json names, unless that was done already.
function install() {
  const lock = readFileSync(join(here, 'package-lock.json'), 'utf8');
  const mark = join(here, 'node_modules', '.installed-lock.json');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return;
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    { cwd: here, stdio: ['ignore', 'inherit', 'inherit'], timeout: kInstallMs });
  if (npm.error?.code === 'ENOENT') skip('there is no npm here');
  if (npm.status !== 0) skip('npm ci did not succeed: there may be no network here');
  writeFileSync(mark, lock);
}

function runTests(files, environment) {
  return new Promise((resolve) => {
    // One after the other: they count the requests that run.
    const tests = spawn(process.execPath, ['--test', '--test-concurrency=1', ...files],
      { cwd: here, env: { ...process.env, ...environment }, stdio: 'inherit' });
    tests.on('exit', (code, signal) => resolve(code ?? signal));
  });
}

// The files that the server wrote and that have `text` in them.
function filesWith(folder, text) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

// What the server leaves behind: no prompt, and an audit log that is whole. Says what is wrong; empty: nothing.
function checkTraces(hearth, home) {
  const wrong = filesWith(home, kPromptText).map((path) => `${path} has the text of a prompt`);
  const verified = spawnSync(hearth, ['audit', 'verify', '--json'], { env: { ...process.env, HEARTH_HOME: home } });
  if (verified.status !== 0) wrong.push(`hearth audit verify: ${verified.stderr}`);
  else if (JSON.parse(verified.stdout).rows < kLeastAuditRows) wrong.push(`the audit log has too few rows: ${verified.stdout}`);
  return wrong;
}

// Whether all was well with a server that has `models`, and with what it left in `home`.
async function serveAndTest(hearth, models, home, files) {
  const wrong = [];
  const server = startHearth(hearth, { models, home });
  try {
    const failed = await runTests(files, {
      HEARTH_TEST_URL: await server.listens, HEARTH_TEST_MODEL: 'chat', HEARTH_TEST_EMBED_MODEL: 'embed',
      HEARTH_TEST_THINK_MODEL: 'think',
    });
    if (failed !== 0) wrong.push('clients failed, see above');
  } catch (error) {
    wrong.push(error.message);
  }
  const code = await stopHearth(server);
  if (code !== 0) wrong.push(`hearth serve ended with ${code} after SIGTERM, not with 0`);
  wrong.push(...checkTraces(hearth, home));
  for (const problem of wrong) console.error(problem);
  return wrong.length === 0;
}

async function main() {
  const [hearth, makeModels, ...wanted] = process.argv.slice(2);
  if (hearth === '--install') {
    install();
    return 0;
  }
  if (!hearth || !makeModels) {
    console.error('usage: tests/clients/run HEARTH MAKE_MODELS [FILE...]');
    return 2;
  }
  install();
  const files = wanted.length > 0 ? wanted : readdirSync(here).filter((name) => name.endsWith('.test.js')).sort();
  const good = await withModels(makeModels, (models, folder) => serveAndTest(hearth, models, join(folder, 'home'), files));
  return good ? 0 : 1;
}

process.exitCode = await main().catch((error) => {
  console.error(error.message);
  return 1;
});
