// ollama-js.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Ollama } from 'ollama';
import {
  assertLeavingFreesTheSlot, assertPerson, assertText, assertUnit, embedModel, family, manyTokens, messages, missingModel, model,
  noLongAnswers, personSchema, thinkModel, toolModel, url,
} from './server.js';

const ollama = new Ollama({ host: url });
const greedy = { temperature: 0, num_predict: 24 };

test('list, show, ps and version tell of the model', async () => {
  const { models } = await ollama.list();
  const entry = models.find((m) => m.name === model || m.name === `${model}:latest`);
  assert.ok(entry, `${model} is among ${models.map((m) => m.name)}`);
  assert.match(entry.digest, /^[0-9a-f]{64}$/);
  assert.ok(entry.size > 0);
  assert.ok(!Number.isNaN(Date.parse(entry.modified_at)));
  const shown = await ollama.show({ model });
  assert.ok(shown.capabilities.includes('completion'));
  assert.equal(shown.model_info['general.architecture'], family);
  await ollama.chat({ model, messages, options: greedy });
  const { models: running } = await ollama.ps();
  assert.ok(running.some((m) => m.name === entry.name));
  assert.match((await ollama.version()).version, /^\d+\.\d+/);
});

test('chat answers with text and counts', async () => {
  const answer = await ollama.chat({ model, messages, options: greedy });
  assert.equal(answer.message.role, 'assistant');
  assertText(answer.message.content);
  assert.equal(answer.done, true);
  assert.equal(answer.done_reason, 'length');
  assert.equal(answer.eval_count, 24);
  assert.ok(answer.prompt_eval_count > 0);
  assert.ok(answer.total_duration > 0 && answer.eval_duration > 0);
});

test('chat as a stream says the same, in parts', async () => {
  const whole = await ollama.chat({ model, messages, options: greedy });
  const parts = [];
  for await (const part of await ollama.chat({ model, messages, options: greedy, stream: true })) parts.push(part);
  assert.ok(parts.length > 2);
  assert.equal(parts.map((p) => p.message.content).join(''), whole.message.content);
  assert.deepEqual(parts.map((p) => p.done), [...Array(parts.length - 1).fill(false), true]);
  assert.equal(parts.at(-1).eval_count, 24);
});

test('generate goes on with a prompt, and with a context', async () => {
  const first = await ollama.generate({ model, prompt: 'once', options: greedy });
  assertText(first.response);
  assert.ok(Array.isArray(first.context) && first.context.length > 24);
  const second = await ollama.generate({ model, prompt: 'and', context: first.context, options: greedy });
  assert.ok(second.prompt_eval_count > first.prompt_eval_count);
  const raw = await ollama.generate({ model, prompt: 'once', raw: true, options: greedy });
  assert.ok(raw.prompt_eval_count < first.prompt_eval_count, 'no template around a raw prompt');
});

test('the same seed gives the same text, another one another', async () => {
  const say = async (seed) =>
    (await ollama.chat({ model, messages, options: { seed, temperature: 1, num_predict: 32 } })).message.content;
  assert.equal(await say(7), await say(7));
  assert.notEqual(await say(7), await say(8));
});

test('stop strings end the answer and are not in it', async () => {
  const { message } = await ollama.chat({ model, messages, options: greedy });
  const stop = message.content.slice(3, 5);
  const answer = await ollama.chat({ model, messages, options: { ...greedy, stop: [stop] } });
  assert.equal(answer.message.content, message.content.slice(0, message.content.indexOf(stop)));
  assert.equal(answer.done_reason, 'stop');
});

test('logprobs come for each token, with the most probable', async () => {
  const answer = await ollama.chat({ model, messages, options: greedy, logprobs: true, top_logprobs: 3 });
  assert.equal(answer.logprobs.length, 24);
  for (const entry of answer.logprobs) {
    assert.ok(entry.logprob <= 0);
    assert.equal(entry.top_logprobs.length, 3);
    assert.equal(entry.top_logprobs[0].logprob, entry.logprob, 'greedy: the first');
  }
});

test('embed gives unit vectors, the same for the same text', async () => {
  const { embeddings } = await ollama.embed({ model: embedModel, input: ['one text', 'another', 'one text'] });
  assert.equal(embeddings.length, 3);
  for (const vector of embeddings) assertUnit(vector, embeddings[0].length);
  assert.deepEqual(embeddings[0], embeddings[2]);
  assert.notDeepEqual(embeddings[0], embeddings[1]);
  const short = await ollama.embed({ model: embedModel, input: 'one text', dimensions: 8 });
  assertUnit(short.embeddings[0], 8);
});

test('errors are ResponseErrors with their status', async () => {
  const failure = async (promise) => {
    try {
      await promise;
    } catch (error) {
      return error;
    }
    assert.fail('expected an error');
  };
  const missing = await failure(ollama.chat({ model: missingModel, messages }));
  assert.equal(missing.name, 'ResponseError');
  assert.equal(missing.status_code, 404);
  assert.match(missing.message, /no-such-model.*not found/);
  const wrong = await failure(ollama.chat({ model, messages, options: { temperature: 'hot' } }));
  assert.equal(wrong.status_code, 400);
  const encoder = await failure(ollama.chat({ model: embedModel, messages }));
  assert.equal(encoder.status_code, 400);
  assert.match(encoder.message, /chat/);
});

test('a client that leaves frees the slot', { skip: noLongAnswers }, async () => {
  const client = new Ollama({ host: url });
  let stream;
  await assertLeavingFreesTheSlot(
    async () => {
      stream = await client.chat({ model, messages, options: { temperature: 0, num_predict: manyTokens }, stream: true });
      await stream[Symbol.asyncIterator]().next();
    },
    async () => stream.abort(),
  );
});

test('thinking stands apart from the answer, and can be switched off', { skip: !thinkModel }, async () => {
  const on = await ollama.chat({ model: thinkModel, messages, think: true, options: greedy });
  assertText(on.message.thinking);
  assert.equal(on.message.content, '');
  const off = await ollama.chat({ model: thinkModel, messages, think: false, options: greedy });
  assert.ok(!off.message.thinking);
  assertText(off.message.content);
  await assert.rejects(ollama.chat({ model, messages, think: true }), /does not support thinking/);
});

test('format holds an answer to JSON, or to a schema', async () => {
  const options = { temperature: 1, seed: 3 };
  const { message } = await ollama.chat({ model, messages, format: personSchema, options });
  assertPerson(JSON.parse(message.content));
  let streamed = '';
  for await (const part of await ollama.chat({ model, messages, format: personSchema, options, stream: true }))
    streamed += part.message.content;
  assert.equal(streamed, message.content);
  const { response } = await ollama.generate({ model, prompt: 'once', format: personSchema, options });
  assertPerson(JSON.parse(response));
  const begun = await ollama.chat({ model, messages, format: 'json', options: { ...options, num_predict: 8 } });
  assert.equal(begun.message.content[0], '{');
  await assert.rejects(ollama.chat({ model, messages, format: { type: 'no such type' } }), { status_code: 400 });
});

const tools = [{
  type: 'function', function: { name: 'remember', description: 'keeps what is known of somebody', parameters: personSchema },
}];

test('tools are taken by models that know them, and by no others', { skip: !toolModel }, async () => {
  const { capabilities } = await ollama.show({ model: toolModel });
  assert.ok(capabilities.includes('tools'), `${capabilities}`);
  const plain = await ollama.chat({ model: toolModel, messages, options: greedy });
  const answer = await ollama.chat({ model: toolModel, messages, tools, options: greedy });
  assert.ok(answer.prompt_eval_count > plain.prompt_eval_count, 'the tools are in the prompt');
  const call = { function: { name: 'remember', arguments: { name: 'Ada' } } };
  const next = await ollama.chat({
    model: toolModel, tools, options: greedy,
    messages: [...messages, { role: 'assistant', content: '', tool_calls: [call] }, { role: 'tool', tool_name: 'remember', content: 'kept' }],
  });
  assert.ok(next.prompt_eval_count > answer.prompt_eval_count);
  await assert.rejects(ollama.chat({ model, messages, tools }), /does not support tools/);
});

test('keep_alive 0 unloads the model', async () => {
  await ollama.chat({ model, messages, options: greedy, keep_alive: 0 });
  const end = Date.now() + 5000;
  let running;
  do {
    running = (await ollama.ps()).models.map((m) => m.name);
  } while (running.includes(`${model}:latest`) && Date.now() < end);
  assert.ok(!running.includes(`${model}:latest`), `${running}`);
});
