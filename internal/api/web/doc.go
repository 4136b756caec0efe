// Package web is everything between the socket and the generated handlers of a
// version of the API. It promises that a handler sees only requests that the
// contract allows: authenticated and permitted, with a body that was decoded
// once and validated, whose texts PostgreSQL can store; and that every error
// leaves as one form (RFC 9457) from one place, ErrorHandler, which never shows
// the cause of a 5xx and always logs it.
//
// Stack installs what every answer needs; Document.Guards makes, from the
// contract, what one operation needs. Both are set up once and are then safe
// for concurrent use.
//
// Its limits: bodies are JSON only, at most 1 MiB, decoded whole in memory;
// parameters are single values; rate limits, idempotency and the rules of the
// domain are elsewhere. Time-outs of headers belong to the http.Server.
package web
