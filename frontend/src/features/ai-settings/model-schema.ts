import * as z from 'zod';
import type { ModelInputWritable, ModelView } from '@/lib/api/generated';

const whole = (least: number, most: number) => z.string().regex(/^\d+$/).refine((text) => Number(text) >= least && Number(text) <= most);
const price = z.string().regex(/^\d+([.,]\d+)?$/);

/** Shaped like the form: everything is text until it is sent. */
export const modelSchema = z.object({
  kind: z.enum(['local', 'external']),
  provider: z.enum(['ollama', 'openai', 'builtin']),
  model: z.string().trim().min(1).max(200),
  baseUrl: z.string().trim().max(2048),
  apiKey: z.string().max(4096),
  paginateRowsLimit: whole(1, 5000),
  concurrency: whole(1, 64),
  retryRequests: whole(1, 10),
  input: price,
  output: price,
}).refine(({ provider, baseUrl }) => provider === 'builtin' || /^https?:\/\/./.test(baseUrl), { path: ['baseUrl'] });

export type ModelFields = z.infer<typeof modelSchema>;

export const NEW_MODEL: ModelFields = { kind: 'external', provider: 'openai', model: '', baseUrl: 'https://api.openai.com/v1', apiKey: '', paginateRowsLimit: '500', concurrency: '2', retryRequests: '3', input: '0', output: '0' };

export const fieldsOf = (model: ModelView): ModelFields => ({
  kind: model.kind, provider: model.provider, model: model.model, baseUrl: model.baseUrl ?? '', apiKey: '',
  paginateRowsLimit: String(model.paginateRowsLimit), concurrency: String(model.concurrency), retryRequests: String(model.retryRequests),
  input: model.price.input_per_million_tokens, output: model.price.output_per_million_tokens,
});

/** An empty key keeps the one that is there. */
export function requestOf(fields: ModelFields): ModelInputWritable {
  const { kind, provider, model, baseUrl, apiKey } = fields;
  return {
    kind, provider, model,
    ...(provider === 'builtin' ? {} : { baseUrl }),
    ...(apiKey ? { apiKey } : {}),
    paginateRowsLimit: Number(fields.paginateRowsLimit),
    concurrency: Number(fields.concurrency),
    retryRequests: Number(fields.retryRequests),
    price: { input_per_million_tokens: fields.input.replace(',', '.'), output_per_million_tokens: fields.output.replace(',', '.') },
  };
}
