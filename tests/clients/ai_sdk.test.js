// The AI SDK, with its provider for OpenAI's interface and with one for Ollama's.
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateText, jsonSchema, Output, streamText, tool } from 'ai';
import assert from 'node:assert/strict';
import test from 'node:test';
import { createOllama } from 'ollama-ai-provider-v2';
import {
  assertLeavingFreesTheSlot, assertPerson, assertText, assertUnit, embedModel, manyTokens, missingModel, model, noLongAnswers,
  personSchema, toolModel, url,
} from './server.js';

const compatible = createOpenAICompatible({
  name: 'hearth', baseURL: `${url}/v1`, includeUsage: true, supportsStructuredOutputs: true,
});
const ollama = createOllama({ baseURL: `${url}/api` });
// The provider for Ollama does not pass maxOutputTokens on: it goes by Ollama's own name.
const providers = [
  ['openai-compatible', (name) => compatible(name), (name) => compatible.embeddingModel(name),
    (tokens) => ({ maxOutputTokens: tokens, temperature: 0 })],
  ['ollama-ai-provider-v2', (name) => ollama(name), (name) => ollama.embeddingModel(name),
    (tokens) => ({ providerOptions: { ollama: { options: { num_predict: tokens, temperature: 0 } } } })],
];
const prompt = { prompt: 'tell me a tale', maxRetries: 0 };

for (const [name, chatModel, embeddingModel, limit] of providers) {
  const settings = { ...prompt, ...limit(24) };

  test(`${name}: text, as a whole and as a stream`, async () => {
    const whole = await generateText({ ...settings, model: chatModel(model) });
    assertText(whole.text);
    assert.equal(whole.finishReason, 'length');
    assert.equal(whole.usage.outputTokens, 24);
    const stream = streamText({ ...settings, model: chatModel(model) });
    let text = '';
    for await (const part of stream.textStream) text += part;
    assert.equal(text, whole.text);
    assert.equal((await stream.usage).outputTokens, 24);
  });

  test(`${name}: embeddings`, async () => {
    const { embeddings } = await embedMany({
      model: embeddingModel(embedModel), values: ['one text', 'another'], maxRetries: 0,
    });
    assert.equal(embeddings.length, 2);
    for (const vector of embeddings) assertUnit(vector, embeddings[0].length);
  });

  test(`${name}: a model that is not there`, async () => {
    await assert.rejects(generateText({ ...settings, model: chatModel(missingModel) }), (error) => {
      assert.ok(APICallError.isInstance(error), error.name);
      assert.equal(error.statusCode, 404);
      assert.match(error.responseBody, /no-such-model/);
      return true;
    });
  });

  test(`${name}: a client that leaves frees the slot`, { skip: noLongAnswers }, async () => {
    const controller = new AbortController();
    await assertLeavingFreesTheSlot(
      async () => {
        const stream = streamText({
          ...prompt, ...limit(manyTokens), model: chatModel(model), abortSignal: controller.signal,
          onError: () => {},
        });
        await stream.textStream[Symbol.asyncIterator]().next();
      },
      async () => controller.abort(),
    );
  });

  test(`${name}: an object of a schema`, async () => {
    const { output } = await generateText({
      ...prompt, model: chatModel(model), output: Output.object({ schema: jsonSchema(personSchema) }),
    });
    assertPerson(output);
  });
}

test('openai-compatible: a call of a tool', { skip: !toolModel }, async () => {
  const tools = { remember: tool({ description: 'keeps what is known of somebody', inputSchema: jsonSchema(personSchema) }) };
  const settings = { ...prompt, model: compatible(toolModel), tools, toolChoice: 'required', temperature: 0 };
  const { toolCalls, finishReason } = await generateText({
    ...settings, providerOptions: { hearth: { parallel_tool_calls: false } },
  });
  assert.equal(finishReason, 'tool-calls');
  assert.equal(toolCalls[0].toolName, 'remember');
  assertPerson(toolCalls[0].input);
  const streamed = streamText({ ...settings, providerOptions: { hearth: { parallel_tool_calls: false } } });
  assert.deepEqual((await streamed.toolCalls)[0].input, toolCalls[0].input);
});
