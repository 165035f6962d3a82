// More requests at once than a server may hold: is each of them answered, or told when to come back?
import { generate, isRefused, isWhole, saysWhen, spread } from './client.js';

export async function overload(options) {
  const alone = await generate(options, { tokens: options.tokens });
  const all = await Promise.all(
    Array.from({ length: options.requests }, () => generate(options, { tokens: options.tokens })));
  const after = await generate(options, { tokens: options.tokens });
  const whole = all.filter(isWhole);
  const same = whole.filter((one) => one.text === alone.text);
  const refused = all.filter(isRefused);
  const told = refused.filter(saysWhen);
  const others = all.filter((one) => !isWhole(one) && !isRefused(one));
  return {
    // Without a refusal there was no overload, and nothing was shown.
    good: isWhole(alone) && whole.length > 0 && refused.length > 0 && others.length === 0 &&
      same.length === whole.length && told.length === refused.length && isWhole(after) && after.text === alone.text,
    rows: [
      ['requests at once', `${all.length}`],
      ['whole answers', `${whole.length}, of them ${same.length} with the text of one alone`],
      ['refused (429, 503)', `${refused.length}, of them ${told.length} with Retry-After${refused.length === 0 ? ': no overload, give more --requests' : ''}`],
      ['anything else', `${others.length} ${[...new Set(others.map((one) => `${one.status} ${one.error ?? ''}`))].join(', ')}`],
      ['refused after', spread(refused.map((one) => one.totalMs))],
      ['a request afterwards', isWhole(after) && after.text === alone.text ? 'is answered as before' : `status ${after.status}, ${after.error ?? 'another text'}`],
    ],
  };
}
