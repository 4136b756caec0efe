// Package devstack is the embedded default of FluentPro: it gives `fluentpro
// dev` and the tests a real PostgreSQL and a Redis without anything to set up.
//
// It promises that
//   - a server is ready when Start returns, and gone with all its processes
//     when Stop returns;
//   - no server outlives the process that started it, even one that is killed
//     with SIGKILL: each runs under a small shell that holds the other end of a
//     pipe of ours and ends the server when the pipe closes;
//   - data is kept between runs in the folder it is given, by the major version
//     of PostgreSQL that made it, and is never half made;
//   - two processes never open one folder at the same time;
//   - PostgreSQL works for root too, who may not run it: it then runs as
//     `postgres` or `nobody`, and keeps its data where that user can reach it.
//
// Its limits: Linux and macOS, on 127.0.0.1 only, one machine, no replicas, no
// upgrade of a cluster to another major version, and an in-process Redis (where
// no redis-server is installed) that keeps nothing and knows only what
// miniredis does. Production takes URLs instead and refuses this package.
package devstack
