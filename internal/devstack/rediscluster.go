package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisClustered is the kind of a RedisCluster.
const RedisClustered = "cluster"

const (
	clusterNodes = 3
	clusterSlots = 16384
	busOffset    = 10_000 // from a node's port to the one that nodes talk to each other by
)

// RedisCluster is a running Redis Cluster of three nodes without replicas, which
// keeps nothing. It is for tests.
type RedisCluster struct{ nodes []*Redis }

// StartRedisCluster starts three redis-servers and joins them; it returns when each
// knows that every slot is served. ctx bounds the start only. It fails where there is
// no redis-server 6.2 or newer. A nil logger means silence.
func StartRedisCluster(ctx context.Context, logger *slog.Logger) (*RedisCluster, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	program := redisProgram(ctx, "redis-server", logger)
	if program == "" {
		return nil, errors.New("start a Redis Cluster: there is no redis-server 6.2 or newer")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 2*readyLimit, fmt.Errorf("a Redis Cluster was not ready within %s", 2*readyLimit))
	defer cancel()
	c, err := startClusterNodes(ctx, program, logger)
	if err == nil {
		err = c.join(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a Redis Cluster: %w", err), c.Stop(context.WithoutCancel(ctx)))
	}
	return c, nil
}

func startClusterNodes(ctx context.Context, program string, logger *slog.Logger) (*RedisCluster, error) {
	nodes, errs := make([]*Redis, clusterNodes), make([]error, clusterNodes)
	var work sync.WaitGroup
	for i := range nodes {
		work.Go(func() { nodes[i], errs[i] = startClusterNode(ctx, program, logger) })
	}
	work.Wait()
	c := &RedisCluster{}
	for _, node := range nodes {
		if node != nil {
			c.nodes = append(c.nodes, node)
		}
	}
	return c, errors.Join(errs...)
}

// startClusterNode tries other ports when one is taken in the meantime. A node's bus
// has a port too, and both must be below those that outgoing connections get.
func startClusterNode(ctx context.Context, program string, logger *slog.Logger) (node *Redis, err error) {
	for range startAttempts {
		port := firstPort + rand.IntN(lastPort-busOffset-firstPort+1)
		if !free(port) || !free(port+busOffset) {
			err = fmt.Errorf("port %d of 127.0.0.1, or %d, is taken", port, port+busOffset)
			continue
		}
		node, err = startServer(ctx, RedisConfig{Port: port, Logger: logger, cluster: true}, program)
		if err == nil {
			return node, nil
		}
	}
	return nil, err
}

// join gives each node its part of the slots and its epoch, lets the first meet the
// others, and waits until all agree.
func (c *RedisCluster) join(ctx context.Context) error {
	for i, node := range c.nodes {
		err := node.ask(ctx, func(client *redis.Client) error {
			first, next := i*clusterSlots/clusterNodes, (i+1)*clusterSlots/clusterNodes
			if err := client.ClusterAddSlotsRange(ctx, first, next-1).Err(); err != nil {
				return err
			}
			return client.Do(ctx, "cluster", "set-config-epoch", i+1).Err()
		})
		if err != nil {
			return fmt.Errorf("give node %d its slots: %w", i, err)
		}
	}
	for _, node := range c.nodes[1:] {
		err := c.nodes[0].ask(ctx, func(client *redis.Client) error {
			return client.ClusterMeet(ctx, "127.0.0.1", strconv.Itoa(node.port)).Err()
		})
		if err != nil {
			return fmt.Errorf("let nodes meet: %w", err)
		}
	}
	for _, node := range c.nodes {
		if err := node.ask(ctx, func(client *redis.Client) error { return agreed(ctx, client) }); err != nil {
			return err
		}
	}
	return nil
}

// agreed waits until a node knows all others and that every slot is served.
func agreed(ctx context.Context, client *redis.Client) error {
	for {
		info, err := client.ClusterInfo(ctx).Result()
		if err == nil && strings.Contains(info, "cluster_state:ok") &&
			strings.Contains(info, fmt.Sprint("cluster_size:", clusterNodes)) && strings.Contains(info, fmt.Sprint("cluster_known_nodes:", clusterNodes)) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the nodes to agree: %w; the last word was:\n%s", context.Cause(ctx), info)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ask talks to one node.
func (r *Redis) ask(ctx context.Context, do func(*redis.Client) error) error {
	client := redis.NewClient(&redis.Options{Addr: address(r.port), ContextTimeoutEnabled: true})
	defer func() { _ = client.Close() }()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return do(client)
}

// URL gives the addresses of all nodes, as redis.ParseClusterURL reads them.
func (c *RedisCluster) URL() string {
	url := "redis://" + address(c.nodes[0].port)
	for i, node := range c.nodes[1:] {
		url += []string{"?", "&"}[min(i, 1)] + "addr=" + address(node.port)
	}
	return url
}

// Kind is RedisClustered.
func (c *RedisCluster) Kind() string { return RedisClustered }

// Stop ends all nodes, as Redis.Stop ends one.
func (c *RedisCluster) Stop(ctx context.Context) error {
	errs := make([]error, len(c.nodes))
	var work sync.WaitGroup
	for i, node := range c.nodes {
		work.Go(func() { errs[i] = node.Stop(ctx) })
	}
	work.Wait()
	return errors.Join(errs...)
}
