// Starts a Hearth with small models on a free port, lets the clients of this folder talk to it, and stops it:
//
//   tests/clients/run HEARTH MAKE_MODELS [--real GGUF-OR-FOLDER]... [FILE...]
//   tests/clients/run --install
//
// HEARTH and MAKE_MODELS are the built programs; FILEs the tests to run (default: all *.test.js here). With --real, all
// of it is done with each of these models instead of a small random one; they are looked for in HEARTH_TEST_DATA
// (default: ../shared/data beside the checkout) unless the path is absolute. --install gets the packages and does no
// more. Exit codes: 0 all is well, 1 something is not, 77 the clients cannot be installed here, or there is no such model.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeChatModel } from './chat_model.js';
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

// Whether all was well with a server that has `models`, and with what it left in `home`. `subjects` are what the tests
// are told of the model to talk with, one after the other.
async function serveAndTest({ hearth, models, home, files, subjects }) {
  const wrong = [];
  const server = startHearth(hearth, { models, home });
  try {
    const url = await server.listens;
    for (const subject of subjects) {
      console.log(`== ${subject.HEARTH_TEST_MODEL}`);
      const failed = await runTests(files, {
        HEARTH_TEST_URL: url, HEARTH_TEST_PROGRAM: resolve(hearth), HEARTH_TEST_EMBED_MODEL: 'embed', ...subject,
      });
      if (failed !== 0) wrong.push(`clients failed with ${subject.HEARTH_TEST_MODEL}, see above`);
    }
  } catch (error) {
    wrong.push(error.message);
  }
  const code = await stopHearth(server);
  if (code !== 0) wrong.push(`hearth serve ended with ${code} after SIGTERM, not with 0`);
  wrong.push(...checkTraces(hearth, home));
  for (const problem of wrong) console.error(problem);
  return wrong.length === 0;
}

// Writes chatting copies of real models into `folder`, and says what the tests should be told of them.
function realModels(names, folder) {
  const data = process.env.HEARTH_TEST_DATA || join(here, '../../../shared/data');
  const paths = names.map((name) => resolve(data, name));
  const missing = paths.find((path) => !existsSync(path));
  if (missing) skip(`there is no ${missing}: HEARTH_TEST_DATA is to be the folder of test data`);
  const files = paths.flatMap((path) => (statSync(path).isDirectory()
    ? readdirSync(path).filter((name) => name.endsWith('.gguf')).sort().map((name) => join(path, name)) : [path]));
  return files.map((file) => {
    const { family, longContext } = writeChatModel(file, join(folder, basename(file)));
    return {
      HEARTH_TEST_MODEL: basename(file, '.gguf'), HEARTH_TEST_FILE: join(folder, basename(file)), HEARTH_TEST_FAMILY: family, ...(longContext ? {} : { HEARTH_TEST_SHORT: '1' }),
    };
  });
}

function parseArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { install: { type: 'boolean', default: false }, real: { type: 'string', multiple: true, default: [] } },
  });
  const [hearth, makeModels, ...files] = positionals;
  if (!makeModels && !values.install) {
    throw new Error('usage: tests/clients/run HEARTH MAKE_MODELS [--real GGUF-OR-FOLDER]... [FILE...]');
  }
  return { install: values.install, hearth, makeModels, files, real: values.real };
}

async function main() {
  const { install: installOnly, hearth, makeModels, files: wanted, real } = parseArguments();
  install();
  if (installOnly) return 0;
  const files = wanted.length > 0 ? wanted : readdirSync(here).filter((name) => name.endsWith('.test.js')).sort();
  const good = await withModels(makeModels, (models, folder) => {
    const subjects = real.length > 0 ? realModels(real, models)
      : [{
        HEARTH_TEST_MODEL: 'chat', HEARTH_TEST_FILE: join(models, 'chat.gguf'), HEARTH_TEST_FAMILY: 'llama', HEARTH_TEST_THINK_MODEL: 'think',
        HEARTH_TEST_TOOL_MODEL: 'tools',
      }];
    return serveAndTest({ hearth, models, home: join(folder, 'home'), files, subjects });
  });
  return good ? 0 : 1;
}

process.exitCode = await main().catch((error) => {
  console.error(error.message);
  return 1;
});
