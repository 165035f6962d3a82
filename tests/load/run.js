// Each scenario of bench/load, small, against a Hearth with small models:
//
//   tests/load/run HEARTH MAKE_MODELS
//
// Judged is whether every request gets what it should, and that idle connections are not a matter of megabytes. No time is:
// what is measured, and on which machine, is docs/reliability.md's. Exit code 1 where something is not as it should be.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startHearth, stopHearth, withModels } from '../clients/hearth_process.js';

const kScenarioMs = 120_000;
const load = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bench', 'load', 'load.js');

// With a certificate for the time of the test; empty where there is no openssl to make one.
function certificate(folder) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
  return made.status === 0 ? ['--tls-cert', cert, '--tls-key', key] : [];
}

// Servers, and what each has to bear.
const servers = [
  {
    name: 'usual',
    more: () => [],
    scenarios: [
      ['streams', '--streams', '100', '--tokens', '16'],
      ['idle', '--connections', '500', '--most-kib', '64'],
      ['disconnects', '--count', '300', '--at-a-time', '20'],
      ['soak', '--users', '4', '--seconds', '4'],
      ['slowloris', '--slow', '100', '--good', '5', '--alone-seconds', '1', '--seconds', '60'],
    ],
  },
  {
    name: 'small',
    more: () => ['--parallel', '2', '--max-waiting', '8'],
    scenarios: [['overload', '--requests', '100', '--tokens', '16']],
  },
  {
    name: 'secure',
    more: certificate,
    scenarios: [['idle', '--connections', '500', '--tls', '--most-kib', '64']],
  },
];

// Says what is wrong; empty: nothing.
async function bear({ name, more, scenarios }, hearth, models, folder) {
  const server = startHearth(hearth, { models, home: join(folder, name), more: more(folder) });
  const wrong = [];
  try {
    const url = await server.listens;
    for (const scenario of scenarios) {
      if (scenario.includes('--tls') && !url.startsWith('https:')) {
        console.log(`== ${scenario.join(' ')}: left out, there is no openssl to make a certificate`);
        continue;
      }
      console.log(`== ${scenario.join(' ')}`);
      const ran = spawnSync(process.execPath, [load, ...scenario, '--url', url, '--model', 'chat', '--pid', String(server.pid)],
        { stdio: 'inherit', timeout: kScenarioMs });
      if (ran.status !== 0) wrong.push(`${scenario[0]} (${name}): ended with ${ran.status ?? ran.signal}`);
    }
  } catch (error) {
    wrong.push(error.message);
  }
  const code = await stopHearth(server);
  if (code !== 0) wrong.push(`hearth serve (${name}) ended with ${code} after SIGTERM, not with 0`);
  return wrong;
}

async function main() {
  const [hearth, makeModels] = process.argv.slice(2);
  if (!hearth || !makeModels) {
    console.error('usage: tests/load/run HEARTH MAKE_MODELS');
    return 2;
  }
  return withModels(makeModels, async (models, folder) => {
    const wrong = [];
    for (const server of servers) wrong.push(...(await bear(server, hearth, models, folder)));
    for (const problem of wrong) console.error(problem);
    return wrong.length === 0 ? 0 : 1;
  });
}

process.exitCode = await main().catch((error) => {
  console.error(error.message);
  return 1;
});
