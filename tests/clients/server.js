// The server under test, and what the tests ask of it beside the client that they are about.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

function wanted(name) {
  const value = process.env[name];
  assert.ok(value, `${name} is not set: tests/clients/run starts a server and sets it`);
  return value;
}

export const url = wanted('HEARTH_TEST_URL'); // "http://127.0.0.1:11434"
export const model = wanted('HEARTH_TEST_MODEL'); // that chats
export const embedModel = wanted('HEARTH_TEST_EMBED_MODEL');
export const program = wanted('HEARTH_TEST_PROGRAM'); // hearth, for tests with a server of their own
export const modelFile = wanted('HEARTH_TEST_FILE'); // the GGUF file of `model`
export const family = wanted('HEARTH_TEST_FAMILY'); // of `model`
export const thinkModel = process.env.HEARTH_TEST_THINK_MODEL; // whose template opens its thinking; may be unset

export const toolModel = process.env.HEARTH_TEST_TOOL_MODEL; // whose template knows tools; may be unset

export const missingModel = 'no-such-model';
export const messages = [{ role: 'user', content: 'tell me a tale' }];
// Answers much longer than it takes to notice that somebody has left.
export const manyTokens = 15_000;
// For tests that need such answers: why they cannot be had, or false.
export const noLongAnswers = process.env.HEARTH_TEST_SHORT ? `the context of ${model} is too short` : false;

// The sum of a metric over all of its labels.
export async function metric(name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
  assert.ok(lines.length > 0, `/metrics has no ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

export const runningRequests = () => metric('hearth_running_requests');

export async function until(condition, what, timeoutMs = 5000) {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    assert.ok(Date.now() < end, `${what}: not within ${timeoutMs} ms`);
    await sleep(10);
  }
}

// Begins a long answer with `begin`, which resolves when its first part has come, leaves with `leave`, and wants
// the engine to be free of it well before it could have ended by itself.
export async function assertLeavingFreesTheSlot(begin, leave) {
  await until(async () => (await runningRequests()) === 0, 'the server is idle before');
  await begin();
  assert.equal(await runningRequests(), 1, 'the answer is being generated');
  const generatedBefore = Date.now();
  await leave();
  await until(async () => (await runningRequests()) === 0, 'the slot is free again', 4000);
  return Date.now() - generatedBefore;
}

export function assertUnit(vector, dimensions) {
  assert.ok(vector.length > 0);
  if (dimensions !== undefined) assert.equal(vector.length, dimensions);
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  assert.ok(Math.abs(length - 1) < 1e-3, `of length ${length}`);
}

// What answers can be held to; any of its values is short, so that a model without sense comes to an end.
export const personSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 12 },
    age: { type: 'integer', minimum: 0, maximum: 120 },
    colours: { type: 'array', items: { enum: ['red', 'green'] }, maxItems: 2 },
    kind: { type: 'boolean' },
  },
  required: ['name', 'age', 'colours', 'kind'],
  additionalProperties: false,
};

export function assertPerson(person) {
  assert.deepEqual(Object.keys(person), ['name', 'age', 'colours', 'kind'], 'in the order of the schema');
  assert.ok(typeof person.name === 'string' && [...person.name].length <= 12, person.name);
  assert.ok(Number.isInteger(person.age) && person.age >= 0 && person.age <= 120, `${person.age}`);
  assert.ok(person.colours.length <= 2 && person.colours.every((colour) => ['red', 'green'].includes(colour)));
  assert.equal(typeof person.kind, 'boolean');
}

export function assertText(text) {
  assert.equal(typeof text, 'string');
  assert.ok(text.length > 0, 'some text');
}
