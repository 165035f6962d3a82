// What a server does under load, as its clients see it. Needs Node alone, no packages.
//
//   node bench/load/load.js streams     --url URL --model NAME [--streams 1000] [--tokens 64]
//   node bench/load/load.js idle        --url URL --pid PID    [--connections 10000] [--tls] [--most-kib 0]
//   node bench/load/load.js slowloris   --url URL --model NAME [--slow 2000] [--good 50] [--alone-seconds 10] [--seconds 30]
//   node bench/load/load.js disconnects --url URL --model NAME [--count 10000] [--at-a-time 50]
//   node bench/load/load.js turns       --url URL --model NAME [--prompt 8000] [--tokens 16] [--repeat 5]
//   node bench/load/load.js overload    --url URL --model NAME [--requests 5000] [--tokens 64]
//   node bench/load/load.js soak        --url URL --model NAME --pid PID [--users 20] [--seconds 30]
//
// These start a server of their own, and `hearth bench` beside it, to compare both:
//
//   node bench/load/load.js throughput  --hearth PROGRAM --file MODEL.gguf [--clients 32] [--prompt 32] [--tokens 64] [--repeat 5]
//   node bench/load/load.js latency     --hearth PROGRAM --file MODEL.gguf [--prompt 32] [--repeat 5]
//
// --key KEY for a server with keys. Prints a table; exit code 1 where something was not answered as it should be.
// docs/reliability.md says what the figures mean.
import { parseArgs } from 'node:util';
import { disconnects } from './disconnects.js';
import { idle } from './idle.js';
import { latency } from './latency.js';
import { overload } from './overload.js';
import { slowloris } from './slowloris.js';
import { soak } from './soak.js';
import { streams } from './streams.js';
import { throughput } from './throughput.js';
import { turns } from './turns.js';

const scenarios = { streams, idle, slowloris, disconnects, overload, soak, turns, throughput, latency };
const defaults = {
  url: 'http://127.0.0.1:11434', model: '', key: '', pid: '', streams: '1000', tokens: '64', connections: '10000',
  slow: '2000', good: '50', seconds: '30', 'alone-seconds': '10', count: '10000', 'at-a-time': '50', requests: '5000',
  users: '20', 'most-kib': '0', hearth: 'build/release/apps/hearth/hearth', file: '', clients: '32', prompt: '', repeat: '5',
};
const texts = ['url', 'model', 'key', 'tls', 'hearth', 'file']; // the others are numbers

function usage(message) {
  console.error(`${message}\nusage: node bench/load/load.js NAME OPTIONS, of ${Object.keys(scenarios).join(', ')} (see load.js)`);
  process.exit(2);
}

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        ...Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, { type: 'string', default: value }])),
        tls: { type: 'boolean', default: false },
      },
    });
    if (positionals.length !== 1 || !scenarios[positionals[0]]) usage('expected the name of one scenario');
    values.prompt ||= positionals[0] === 'turns' ? '8000' : '32';
    const numbers = Object.fromEntries(
      Object.entries(values).filter(([name]) => !texts.includes(name))
        .map(([name, value]) => [name, Number(value)]));
    for (const [name, value] of Object.entries(numbers)) {
      if (!Number.isInteger(value) || value < 0) usage(`--${name}: expected a number, found '${values[name]}'`);
    }
    const url = new URL(values.url);
    if (values.tls) url.protocol = 'https:';
    if (url.protocol === 'https:' && positionals[0] !== 'idle') usage('only idle speaks TLS');
    return { scenario: positionals[0], ...values, ...numbers, url };
  } catch (error) {
    usage(error.message);
  }
}

const chosen = options();
const { rows, good } = await scenarios[chosen.scenario](chosen);
const width = Math.max(...rows.map(([what]) => what.length));
for (const [what, value] of rows) console.log(`${what.padEnd(width)}  ${value}`);
process.exitCode = good ? 0 : 1;
