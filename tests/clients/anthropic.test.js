// anthropic-sdk-typescript.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  assertLeavingFreesTheSlot, assertPerson, assertText, manyTokens, messages, missingModel, model, noLongAnswers, personSchema,
  thinkModel, toolModel, url,
} from './server.js';

const anthropic = new Anthropic({ baseURL: url, apiKey: 'unused', maxRetries: 0 });
const request = { model, messages, temperature: 0, max_tokens: 24 };

// Tokens of the prompt: those found in the cache are told apart.
const read = (answer) => answer.usage.input_tokens + (answer.usage.cache_read_input_tokens ?? 0);

test('a message is answered with text and usage', async () => {
  const answer = await anthropic.messages.create(request);
  assert.equal(answer.type, 'message');
  assert.equal(answer.role, 'assistant');
  assert.equal(answer.content[0].type, 'text');
  assertText(answer.content[0].text);
  assert.equal(answer.stop_reason, 'max_tokens');
  assert.equal(answer.usage.output_tokens, 24);
  assert.ok(read(answer) > 0);
});

test('a system prompt is part of what the model reads', async () => {
  const plain = await anthropic.messages.create(request);
  const system = await anthropic.messages.create({ ...request, system: [{ type: 'text', text: 'be brief' }] });
  assert.ok(read(system) > read(plain));
});

test('a stream has the events in their order', async () => {
  const whole = await anthropic.messages.create(request);
  const stream = anthropic.messages.stream(request);
  const types = [];
  for await (const event of stream) if (event.type !== types.at(-1)) types.push(event.type);
  assert.deepEqual(types.filter((type) => type !== 'ping'),
    ['message_start', 'content_block_start', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop']);
  const final = await stream.finalMessage();
  assert.equal(final.content[0].text, whole.content[0].text);
  assert.equal(final.usage.output_tokens, 24);
});

test('tokens are counted as they are charged', async () => {
  const counted = await anthropic.messages.countTokens({ model, messages, system: 'be brief' });
  const answer = await anthropic.messages.create({ ...request, system: 'be brief' });
  assert.equal(counted.input_tokens, read(answer));
});

test('stop sequences end the answer and are named', async () => {
  const whole = (await anthropic.messages.create(request)).content[0].text;
  const stop = whole.slice(3, 5);
  const answer = await anthropic.messages.create({ ...request, stop_sequences: [stop] });
  assert.equal(answer.stop_reason, 'stop_sequence');
  assert.equal(answer.stop_sequence, stop);
  assert.equal(answer.content[0]?.text ?? '', whole.slice(0, whole.indexOf(stop)));
});

test('errors are of the class of their status', async () => {
  await assert.rejects(anthropic.messages.create({ ...request, model: missingModel }), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.error.error.type, 'not_found_error');
    return true;
  });
  await assert.rejects(anthropic.messages.create({ ...request, max_tokens: 0 }), Anthropic.BadRequestError);
  await assert.rejects(anthropic.messages.create({ ...request, max_tokens: undefined }), Anthropic.BadRequestError);
});

test('models are listed', async () => {
  const ids = [];
  for await (const entry of anthropic.models.list()) ids.push(entry.id);
  assert.ok(ids.some((id) => id === model || id === `${model}:latest`), `${ids}`);
});

test('a client that leaves frees the slot', { skip: noLongAnswers }, async () => {
  let stream;
  await assertLeavingFreesTheSlot(
    async () => {
      stream = await anthropic.messages.create({ ...request, max_tokens: manyTokens, stream: true });
      // Not with `for await`: what leaves the loop leaves the stream.
      const events = stream[Symbol.asyncIterator]();
      while ((await events.next()).value?.type !== 'content_block_delta');
    },
    async () => stream.controller.abort(),
  );
});

test('thinking is a block of its own', { skip: !thinkModel }, async () => {
  const answer = await anthropic.messages.create({
    ...request, model: thinkModel, max_tokens: 2048, temperature: 1, thinking: { type: 'enabled', budget_tokens: 1024 },
  });
  assert.equal(answer.content[0].type, 'thinking');
  assertText(answer.content[0].thinking);
});

test('an answer is held to a schema', async () => {
  const answer = await anthropic.messages.create({
    ...request, temperature: 1, max_tokens: 2000, output_config: { format: { type: 'json_schema', schema: personSchema } },
  });
  assert.equal(answer.stop_reason, 'end_turn');
  assertPerson(JSON.parse(answer.content[0].text));
});

test('a tool is called, as a whole and as a stream, and told of its result', { skip: !toolModel }, async () => {
  const tools = [{ name: 'remember', description: 'keeps what is known of somebody', input_schema: personSchema }];
  const called = {
    model: toolModel, messages, temperature: 0, max_tokens: 2000, tools,
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
  };
  const answer = await anthropic.messages.create(called);
  assert.equal(answer.stop_reason, 'tool_use');
  const [block] = answer.content;
  assert.deepEqual([block.type, block.name], ['tool_use', 'remember']);
  assertPerson(block.input);
  const final = await anthropic.messages.stream(called).finalMessage();
  assert.deepEqual(final.content[0].input, block.input);
  const results = [{ type: 'tool_result', tool_use_id: block.id, content: 'kept' }];
  const next = await anthropic.messages.create({
    ...called, max_tokens: 8, tool_choice: { type: 'none' },
    messages: [...messages, { role: 'assistant', content: answer.content }, { role: 'user', content: results }],
  });
  assert.ok(read(next) > 0);
  const counted = await anthropic.messages.countTokens({ model: toolModel, messages, tools });
  const plain = await anthropic.messages.countTokens({ model: toolModel, messages });
  assert.ok(counted.input_tokens > plain.input_tokens, 'the tools are counted');
});
