import { ConnectionError, ResponseError } from './errors.js';
import { lastOfConversation, lastOfMessage, lastOfMine, lastOfTask } from './events.js';
import type { Client } from './gen/client/index.js';
import { Operations, type Options } from './gen/index.js';
import type {
  AuditExportLine,
  ConversationEvent,
  CreateMessageData,
  CreateMessageRequest,
  CreateMessageResponses,
  CreateMessageResult,
  DrawConversationData,
  ExportAuditEventsData,
  ExportMeData,
  ExportMeLine,
  ExportUsersData,
  ExportUsersLine,
  MessageEvent,
  StreamConversationEventsData,
  StreamMessageEventsData,
  StreamMyEventsData,
  StreamTaskEventsData,
  TaskEvent,
  UserEvent,
} from './gen/index.js';
import { type Content, readLines } from './lines.js';
import { open, security } from './request.js';
import { EventStream, type Source, type StreamOptions } from './stream.js';

type Parameters<Data> = Omit<Data, 'url' | 'body'>;

/** What streamMessage takes. */
export type StreamMessageOptions = Parameters<CreateMessageData> & { body: Omit<CreateMessageRequest, 'stream'> } & StreamOptions;

/** What createMessage takes; its answer is JSON, and streamMessage is for the other one. */
export type CreateMessageOptions = Omit<Options<CreateMessageData>, 'body' | 'throwOnError'> & {
  body: Omit<CreateMessageRequest, 'stream'> & { stream?: false };
};

type Own =
  | 'createMessage'
  | 'drawConversation'
  | 'streamMessageEvents'
  | 'streamConversationEvents'
  | 'streamTaskEvents'
  | 'streamMyEvents'
  | 'exportMe'
  | 'exportUsers'
  | 'exportAuditEvents';

type Plain = Omit<Operations, Own>;

/** The generated operations without those that have a form of their own here. */
const Plain = Operations as unknown as new (options: { client: Client }) => Plain;

/** All operations of the API; here are messages, drawings and what answers with a stream. */
export class Streams extends Plain {
  readonly #client: Client;
  readonly #renew: () => Promise<void>;

  constructor(client: Client, renew: () => Promise<void>) {
    super({ client });
    this.#client = client;
    this.#renew = renew;
  }

  /**
   * Say something. The answer has the reply as it is then: pending, or finished where the header `Prefer: wait=10` asks
   * for it. An answer that was lost is asked for once more; the message is said once.
   */
  async createMessage(options: CreateMessageOptions): Promise<CreateMessageResult> {
    const call = {
      ...options,
      url: '/conversations/{conversation_id}/messages' satisfies CreateMessageData['url'],
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID(), ...options.headers },
      security,
      responseStyle: 'data',
    } as const;
    const send = () => this.#client.post<CreateMessageResponses, unknown, true, 'data'>(call);
    try {
      return await send();
    } catch (error) {
      if (error instanceof ConnectionError) return send();
      throw error;
    }
  }

  /** Draws the history of a conversation, as SVG unless `format` says otherwise; a text in any case. */
  async drawConversation(options: Parameters<DrawConversationData> & { signal?: AbortSignal }): Promise<string> {
    const url: DrawConversationData['url'] = '/admin/conversations/{conversation_id}/graph';
    const response = await open(this.#client, { ...options, method: 'GET', url });
    return response.text();
  }

  /**
   * Say something and read the partner's reply as it is written: createMessage with `stream: true`, then
   * streamMessageEvents for as long as connections are lost. The message is said once, however often that is.
   */
  streamMessage(options: StreamMessageOptions): EventStream<MessageEvent> {
    const url: CreateMessageData['url'] = '/conversations/{conversation_id}/messages';
    const { path, query, body } = options;
    const headers = { 'Idempotency-Key': crypto.randomUUID(), ...options.headers };
    let reply: string | undefined;
    const connect: Source['connect'] = async (cursor, signal) => {
      // Until there is a cursor the message is sent again, which by its key is the same message.
      if (cursor !== undefined && reply !== undefined) {
        return this.#follow({ path: { ...path, message_id: reply } }, cursor, signal);
      }
      const call = { method: 'POST', url, path, query, headers, body: { ...body, stream: true }, signal } as const;
      const response = await open(this.#client, call);
      reply = response.headers.get('Location')?.split('/').pop();
      if (reply === undefined) throw new ResponseError('the answer does not say which message is the reply', response);
      return response;
    };
    return new EventStream<MessageEvent>({ connect, renew: this.#renew, last: lastOfMessage }, options);
  }

  /** Follow the partner's reply as it is written; with `Last-Event-ID`, from there on. */
  streamMessageEvents(options: Parameters<StreamMessageEventsData> & StreamOptions): EventStream<MessageEvent> {
    const connect: Source['connect'] = (cursor, signal) => this.#follow(options, cursor, signal);
    return new EventStream<MessageEvent>({ connect, renew: this.#renew, last: lastOfMessage }, options, begin(options));
  }

  /**
   * Follow all that happens in a conversation, from one reply to the next, until it is deleted; with `Last-Event-ID`, from
   * there on. Without it, the conversation as it is comes first.
   */
  streamConversationEvents(
    options: Parameters<StreamConversationEventsData> & StreamOptions,
  ): EventStream<ConversationEvent> {
    const url: StreamConversationEventsData['url'] = '/conversations/{conversation_id}/events';
    const connect: Source['connect'] = (cursor, signal) =>
      open(this.#client, { method: 'GET', url, path: options.path, headers: { 'Last-Event-ID': cursor }, signal });
    const source = { connect, renew: this.#renew, last: lastOfConversation };
    return new EventStream<ConversationEvent>(source, options, begin(options));
  }

  /** Follow a task; with `Last-Event-ID`, from there on. */
  streamTaskEvents(options: Parameters<StreamTaskEventsData> & StreamOptions): EventStream<TaskEvent> {
    const url: StreamTaskEventsData['url'] = '/tasks/{task_id}/events';
    const connect: Source['connect'] = (cursor, signal) =>
      open(this.#client, { method: 'GET', url, path: options.path, headers: { 'Last-Event-ID': cursor }, signal });
    return new EventStream<TaskEvent>({ connect, renew: this.#renew, last: lastOfTask }, options, begin(options));
  }

  /**
   * Follow everything that concerns oneself; with `Last-Event-ID`, from there on. `stream.restarted` says that what came
   * before is not known any more: read again what is held.
   */
  streamMyEvents(options: Parameters<StreamMyEventsData> & StreamOptions = {}): EventStream<UserEvent> {
    const url: StreamMyEventsData['url'] = '/events';
    const connect: Source['connect'] = (cursor, signal) =>
      open(this.#client, { method: 'GET', url, headers: { 'Last-Event-ID': cursor }, signal });
    return new EventStream<UserEvent>({ connect, renew: this.#renew, last: lastOfMine }, options, begin(options));
  }

  /** Read all that is stored of oneself, a line each. */
  exportMe(options: Parameters<ExportMeData> & LineOptions = {}): AsyncGenerator<Content<ExportMeLine>, void, undefined> {
    return this.#lines<ExportMeData, ExportMeLine>('/users/me/export', options);
  }

  /** Read all accounts, a line each. */
  exportUsers(options: Parameters<ExportUsersData> & LineOptions = {}): AsyncGenerator<Content<ExportUsersLine>, void, undefined> {
    return this.#lines<ExportUsersData, ExportUsersLine>('/admin/users/export', options);
  }

  /** Read the audit log, a line each. */
  exportAuditEvents(
    options: Parameters<ExportAuditEventsData> & LineOptions = {},
  ): AsyncGenerator<Content<AuditExportLine>, void, undefined> {
    return this.#lines<ExportAuditEventsData, AuditExportLine>('/admin/audit-events/export', options);
  }

  #follow({ path }: Pick<StreamMessageEventsData, 'path'>, cursor: string | undefined, signal: AbortSignal): Promise<Response> {
    const url: StreamMessageEventsData['url'] = '/conversations/{conversation_id}/messages/{message_id}/events';
    return open(this.#client, { method: 'GET', url, path, headers: { 'Last-Event-ID': cursor }, signal });
  }

  async *#lines<Data extends { url: string }, Line extends object>(
    url: Data['url'],
    options: { query?: Record<string, unknown> } & LineOptions,
  ): AsyncGenerator<Content<Line>, void, undefined> {
    const { query, signal } = options;
    yield* readLines<Line>(await open(this.#client, { method: 'GET', url, query, signal }), signal);
  }
}

/** How an export is read. */
export interface LineOptions {
  /** Ends the iteration at once, with the signal's reason. */
  signal?: AbortSignal | undefined;
}

function begin(options: { headers?: { 'Last-Event-ID'?: string }; query?: { after?: string } }): string | undefined {
  return options.headers?.['Last-Event-ID'] ?? options.query?.after;
}
