// Many streams at once: is every one answered, with the text that it gets alone?
import { generate, isRefused, isWhole, saysWhen, spread } from './client.js';

export async function streams(options) {
  const alone = await generate(options, { tokens: options.tokens });
  const begin = performance.now();
  const all = await Promise.all(
    Array.from({ length: options.streams }, () => generate(options, { tokens: options.tokens })));
  const seconds = (performance.now() - begin) / 1000;
  const whole = all.filter(isWhole);
  const same = whole.filter((one) => one.text === alone.text);
  const refused = all.filter(isRefused);
  const told = refused.filter(saysWhen);
  const others = all.length - whole.length - refused.length;
  return {
    good: alone.done && whole.length + refused.length === all.length && same.length === whole.length &&
      told.length === refused.length,
    rows: [
      ['streams at once', `${all.length} of ${options.tokens} tokens`],
      ['whole answers', `${whole.length}, of them ${same.length} with the text of one alone`],
      ['refused (429, 503)', `${refused.length}, of them ${told.length} with Retry-After`],
      ['anything else', `${others} ${[...new Set(all.filter((one) => one.error).map((one) => one.error))].join(' ')}`],
      ['first part', spread(whole.map((one) => one.firstMs))],
      ['last part', spread(whole.map((one) => one.totalMs))],
      ['rate', `${((whole.length * options.tokens) / seconds).toFixed(0)} tokens/s over ${seconds.toFixed(1)} s`],
    ],
  };
}
