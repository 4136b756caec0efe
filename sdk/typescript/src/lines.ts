import { ConnectionError, isProblem, ProblemError, ResponseError } from './errors.js';

/** What an export is of, without the line that ends it. */
export type Content<Line> = Exclude<Line, { type: 'end' } | { type: 'problem' }>;

/**
 * The lines of an export (NDJSON). Throws ProblemError where the service could not go on, and ConnectionError where the
 * export was cut; what came before is true, but not all. It cannot be resumed.
 */
export async function* readLines<Line extends object>(
  response: Response,
  signal?: AbortSignal | null,
): AsyncGenerator<Content<Line>, void, undefined> {
  let count = 0;
  for await (const text of split(response, signal)) {
    const line = parsed(text, response);
    if (line.type === 'problem' && isProblem(line.problem)) throw new ProblemError(line.problem, response);
    if (line.type === 'end') {
      if (line.count !== count) throw new ResponseError(`${count} lines came of ${String(line.count)}`, response);
      return;
    }
    count++;
    yield line as Content<Line>;
  }
  throw new ConnectionError('the export was cut');
}

/** Whole lines; an unfinished last one is none. */
async function* split(response: Response, signal?: AbortSignal | null): AsyncGenerator<string, void, undefined> {
  if (!response.body) return;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new ConnectionError('the export was cut', { cause: error });
  } finally {
    await reader.cancel().catch(() => {}); // it may be over
  }
}

function parsed(text: string, response: Response): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    throw new ResponseError('a line of the export is not JSON', response, { cause: error });
  }
}
