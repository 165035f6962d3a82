// ollama-js: models made of uploaded files. What changes models needs a key, so this has a server of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { Ollama } from 'ollama';
import { startHearth, stopHearth } from './hearth_process.js';
import { family, messages, modelFile, program } from './server.js';

const folder = mkdtempSync(join(tmpdir(), 'hearth-create-'));
let server;
let client;

before(async () => {
  const home = join(folder, 'home');
  const models = join(folder, 'models');
  mkdirSync(models);
  const made = spawnSync(program, ['key', 'create', 'test', '--scope', 'inference,manage'],
    { env: { ...process.env, HEARTH_HOME: home }, encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  server = startHearth(program, { models, home });
  const url = await server.listens;
  const headers = { Authorization: `Bearer ${made.stdout.trim()}` };
  client = { url, headers, ollama: new Ollama({ host: url, headers }) };
});

after(async () => {
  await stopHearth(server);
  rmSync(folder, { recursive: true, force: true });
});

// A GGUF file as `ollama create` brings it: its blob first, then the model that is made of it.
test('create makes a model of an uploaded file', async () => {
  const { ollama, url, headers } = client;
  const bytes = readFileSync(modelFile);
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const blob = `${url}/api/blobs/${digest}`;
  const put = async (to, sent) => (await fetch(to, { method: 'POST', body: sent, headers })).status;
  const head = async () => (await fetch(blob, { method: 'HEAD', headers })).status;
  assert.equal(await head(), 404);
  assert.equal(await put(blob, bytes.subarray(1)), 400, 'another file is not that blob');
  assert.equal(await head(), 404);
  assert.equal((await fetch(blob, { method: 'POST', body: bytes })).status, 401, 'without a key');
  assert.equal(await put(blob, bytes), 201);
  assert.equal(await put(blob, bytes), 200, 'it is there');
  assert.equal(await head(), 200);

  const said = [];
  const template = '{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>';
  const wish = {
    model: 'created', files: { 'model.gguf': digest }, template, system: 'Be brief.', parameters: { num_predict: 3, temperature: 0 },
  };
  for await (const { status } of await ollama.create({ ...wish, stream: true })) said.push(status);
  assert.equal(said[0], 'parsing GGUF');
  assert.ok(said.includes(`using existing layer ${digest}`));
  assert.equal(said.at(-1), 'success');
  const shown = await ollama.show({ model: 'created' });
  assert.equal(shown.system, 'Be brief.');
  assert.equal(shown.template, template);
  assert.equal(shown.details.family, family);
  assert.match(shown.modelfile, /PARAMETER num_predict 3/);
  const answer = await ollama.chat({ model: 'created', messages });
  assert.ok(answer.eval_count <= 3, 'its parameters are the defaults');
  const rendered = await ollama.chat({ model: 'created', messages, _debug_render_only: true });
  assert.match(rendered._debug_info.rendered_template, /<system>Be brief\.<user>/, 'its template stands over the file\'s');
  await assert.rejects(ollama.create({ ...wish, adapters: { 'a.gguf': digest } }),
    /general\.type: expected adapter/, 'a model is none');
  await assert.rejects(ollama.create({ ...wish, adapters: { 'a.gguf': digest, 'b.gguf': digest } }), /expected one adapter/);

  if (/^(F32|F16|BF16)$/.test(shown.details.quantization_level)) await expectQuantized(ollama);
  await assert.rejects(ollama.create({ ...wish, quantize: 'q9_K' }), /quantize: .*q9_K/);
  await ollama.delete({ model: 'created' });
});

async function expectQuantized(ollama) {
  const steps = [];
  for await (const step of await ollama.create({ model: 'small', from: 'created', quantize: 'q8_0', stream: true })) steps.push(step);
  const progress = steps.filter(({ status }) => /^quantizing .* model to q8_0$/.test(status));
  assert.ok(progress.length > 0 && progress.every(({ completed = 0, total }) => completed <= total), JSON.stringify(steps));
  assert.equal(steps.at(-1).status, 'success');
  assert.equal((await ollama.show({ model: 'small' })).details.quantization_level, 'Q8_0');
  assert.ok((await ollama.chat({ model: 'small', messages })).eval_count <= 3, 'the parameters came along');
  await ollama.delete({ model: 'small' });
}
