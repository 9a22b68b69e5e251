// Package clientv3_test runs etcd's own client, clientv3, and the packages built on it, on the server at
// $ENDPOINT.
package clientv3_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const waitMax = 30 * time.Second

func endpoint() string { return os.Getenv("ENDPOINT") }

// notOn leaves a test out where a server of this kind is known to answer otherwise.
func notOn(t *testing.T, kind, why string) {
	if os.Getenv("SERVER") == kind {
		t.Skipf("SKIP %s %s", kind, why)
	}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitMax)
	t.Cleanup(cancel)
	return ctx
}

func dialAt(t *testing.T, address string, change func(*clientv3.Config)) *clientv3.Client {
	config := clientv3.Config{
		Endpoints: []string{address}, DialTimeout: waitMax, Logger: zap.NewNop(),
	}
	if change != nil {
		change(&config)
	}
	client, err := clientv3.New(config)
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func dial(t *testing.T) *clientv3.Client { return dialAt(t, endpoint(), nil) }

func put(t *testing.T, client *clientv3.Client, key, value string, options ...clientv3.OpOption) int64 {
	answer, err := client.Put(within(t), key, value, options...)
	require.NoError(t, err)
	return answer.Header.Revision
}

func get(t *testing.T, client clientv3.KV, key string, options ...clientv3.OpOption) []string {
	answer, err := client.Get(within(t), key, options...)
	require.NoError(t, err)
	values := []string{}
	for _, kv := range answer.Kvs {
		values = append(values, string(kv.Value))
	}
	return values
}

// next takes one answer from a watch.
func next(t *testing.T, watch clientv3.WatchChan) clientv3.WatchResponse {
	select {
	case answer, open := <-watch:
		require.True(t, open, "the watch ended")
		return answer
	case <-time.After(waitMax):
		require.FailNow(t, "nothing came from the watch")
		return clientv3.WatchResponse{}
	}
}

// events takes n events, whatever answers they come in.
func events(t *testing.T, watch clientv3.WatchChan, n int) []*clientv3.Event {
	var found []*clientv3.Event
	for len(found) < n {
		answer := next(t, watch)
		require.NoError(t, answer.Err())
		found = append(found, answer.Events...)
	}
	require.Len(t, found, n)
	return found
}

// proxy passes bytes to the server until it is told to cut what it has.
type proxy struct {
	net.Listener
	mutex sync.Mutex
	conns []net.Conn
}

func newProxy(t *testing.T) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{Listener: listener}
	t.Cleanup(func() { p.Close(); p.cut() })
	go func() {
		for {
			client, err := p.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", endpoint())
			if err != nil {
				client.Close()
				continue
			}
			p.mutex.Lock()
			p.conns = append(p.conns, client, server)
			p.mutex.Unlock()
			go io.Copy(client, server)
			go io.Copy(server, client)
		}
	}()
	return p
}

func (p *proxy) cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}
