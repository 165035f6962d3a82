// Answers under schemas, of a model that nothing but the schema guides, before a validator that is not ours.
import assert from 'node:assert/strict';
import test from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { randomSchema } from './random_schema.js';
import { model, noLongAnswers, url } from './server.js';

const kSchemas = 100;
const kAtOnce = 4;
const kMaxTokens = 4000;
// Of all schemas together. HEARTH_STRUCTURED_ANSWERS=10000 is what docs/structured-output.md has figures of.
const kAnswers = Number(process.env.HEARTH_STRUCTURED_ANSWERS ?? 200);

async function post(body) {
  const response = await fetch(`${url}/api/generate`, { method: 'POST', body: JSON.stringify({ model, stream: false, ...body }) });
  return { status: response.status, body: await response.json() };
}

test(`${kAnswers} answers under ${kSchemas} schemas are all valid`, { skip: noLongAnswers }, async () => {
  const ajv = addFormats(new Ajv({ strict: false, multipleOfPrecision: 9 }));
  const schemas = Array.from({ length: kSchemas }, (_, i) => randomSchema(i + 1));
  const validators = schemas.map((schema) => ajv.compile(schema));
  let next = 0;
  const seen = new Set();
  const worker = async () => {
    while (next < kAnswers) {
      const i = next++;
      const schema = schemas[i % kSchemas];
      const { status, body } = await post({
        prompt: 'a tale', format: schema, options: { temperature: 1, seed: i, num_predict: kMaxTokens, num_ctx: 2 * kMaxTokens },
      });
      const where = `schema ${JSON.stringify(schema)}: ${JSON.stringify(body)}`;
      assert.equal(status, 200, where);
      assert.equal(body.done_reason, 'stop', where);
      const value = JSON.parse(body.response);
      assert.ok(validators[i % kSchemas](value), `${where}: ${ajv.errorsText(validators[i % kSchemas].errors)}`);
      seen.add(body.response);
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, worker));
  // It is the model that writes them.
  assert.ok(seen.size > kAnswers / 2, `${seen.size} different answers`);
});

test('what cannot be guaranteed is refused with its name and place, before anything is generated', async () => {
  const { status, body } = await post({
    prompt: 'a tale',
    format: { type: 'object', properties: { list: { type: 'array', items: { type: 'number' }, uniqueItems: true } } },
  });
  assert.equal(status, 400);
  assert.match(JSON.stringify(body), /uniqueItems/);
  assert.match(JSON.stringify(body), /properties\/list/);
});

test('a hostile grammar fails its own request only', async () => {
  const free = post({ prompt: 'a tale', options: { num_predict: 200, temperature: 0 } });
  const bombs = await Promise.all([
    post({ prompt: 'a tale', grammar: 'root ::= ((("a"{1000}){1000}){1000}){1000}' }),
    post({ prompt: 'a tale', grammar: 'root ::= root "a"' }),
    post({ prompt: 'a tale', regex: '(a+)+b{1000}{1000}{1000}' }),
    post({ prompt: 'a tale', format: { $ref: '#' } }),
    post({ prompt: 'a tale', format: { type: 'string', pattern: '(' } }),
  ]);
  for (const { status, body } of bombs) {
    assert.equal(status, 400, JSON.stringify(body));
    assert.ok(body.error.length > 10);
  }
  assert.equal((await free).status, 200);
});
