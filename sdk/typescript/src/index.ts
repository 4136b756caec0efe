export { createFluentPro, FluentPro, type FluentProOptions } from './client.js';
export { ConnectionError, FluentProError, ProblemError, ResponseError } from './errors.js';
export { textOf } from './events.js';
export type * from './gen/index.js';
export type { EventStream, StreamOptions } from './stream.js';
export type { CreateMessageOptions, LineOptions, StreamMessageOptions } from './streams.js';
export type { SessionTokens, TokenOptions } from './tokens.js';
