// Many different schemas, one after the other: does the engine's memory stay what it is?
//
//   node bench/grammar/unique_schemas.js HEARTH MODEL.gguf [--schemas 100000]
//
// Each request has a schema that none had before, and a short answer. Prints the resident memory of the engine process and
// of the front as it goes, and ends with 1 where the engine's grew by more than a tenth over the last half.
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startHearth, stopHearth } from '../../tests/clients/hearth_process.js';

const { values: wish, positionals: [program, model] } = parseArgs({
  allowPositionals: true, options: { schemas: { type: 'string', default: '100000' } },
});
const n = Number(wish.schemas);
const kAtOnce = 4;
const kMeasured = 20;

const residentKib = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

function childOf(parent) {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) === parent) return Number(pid);
    } catch { /* it has ended */ }
  }
  throw new Error('the server has no engine process');
}

const schemaOf = (i) => ({
  type: 'object',
  properties: { [`field_${i}`]: { enum: [i, `value ${i}`] }, text: { type: 'string', maxLength: 4 + (i % 9) } },
  required: [`field_${i}`, 'text'],
  additionalProperties: false,
});

const folder = mkdtempSync(join(tmpdir(), 'hearth-bench-'));
symlinkSync(resolve(model), join(folder, 'model.gguf'));
const server = startHearth(program, { models: folder, home: join(folder, 'home'), more: ['--num-thread', '1'] });
let grew = false;
try {
  const url = await server.listens;
  const sizes = [];
  let next = 0;
  let valid = 0;
  const begun = performance.now();
  const worker = async () => {
    while (next < n) {
      const i = next++;
      const response = await fetch(`${url}/api/generate`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'model', prompt: 'x', raw: true, stream: false, format: schemaOf(i),
          options: { temperature: 1, seed: i, num_predict: 100, num_ctx: 256 },
        }),
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(JSON.stringify(answer));
      if (`field_${i}` in JSON.parse(answer.response)) valid += 1;
      if ((i + 1) % Math.ceil(n / kMeasured) === 0) {
        sizes.push(residentKib(childOf(server.pid)));
        console.log(`${i + 1} schemas: engine ${sizes.at(-1)} KiB, front ${residentKib(server.pid)} KiB`);
      }
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, worker));
  const seconds = (performance.now() - begun) / 1000;
  console.log(`${valid} of ${n} answers valid, ${(n / seconds).toFixed(0)} a second`);
  grew = sizes.at(-1) > 1.1 * sizes[sizes.length >> 1];
} finally {
  await stopHearth(server);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(grew ? 1 : 0);
