package clientv3_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func grant(t *testing.T, client *clientv3.Client, ttl int64) clientv3.LeaseID {
	lease, err := client.Grant(within(t), ttl)
	require.NoError(t, err)
	require.GreaterOrEqual(t, lease.TTL, ttl)
	return lease.ID
}

func TestLeaseHoldsItsKeysUntilRevoked(t *testing.T) {
	client := dial(t)
	first, second := grant(t, client, 60), grant(t, client, 60)
	put(t, client, "a", "1", clientv3.WithLease(first))
	put(t, client, "b", "1", clientv3.WithLease(first))
	put(t, client, "b", "1", clientv3.WithLease(second))
	put(t, client, "c", "1", clientv3.WithLease(first))
	put(t, client, "c", "1")
	told, err := client.TimeToLive(within(t), first, clientv3.WithAttachedKeys())
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("a")}, told.Keys)
	require.EqualValues(t, 60, told.GrantedTTL)
	all, err := client.Leases(within(t))
	require.NoError(t, err)
	require.Len(t, all.Leases, 2)
	_, err = client.Revoke(within(t), first)
	require.NoError(t, err)
	require.Empty(t, get(t, client, "a"))
	require.Len(t, get(t, client, "", clientv3.WithPrefix()), 2)
	told, err = client.TimeToLive(within(t), first)
	require.NoError(t, err)
	require.EqualValues(t, -1, told.TTL)
	_, err = client.KeepAliveOnce(within(t), first)
	require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
}

func TestLeaseExpiresAndOneKeptAliveDoesNot(t *testing.T) {
	client := dial(t)
	short, kept := grant(t, client, 3), grant(t, client, 6)
	alive, err := client.KeepAlive(within(t), kept)
	require.NoError(t, err)
	watch := client.Watch(within(t), "short", clientv3.WithRev(1))
	put(t, client, "kept", "1", clientv3.WithLease(kept))
	put(t, client, "short", "1", clientv3.WithLease(short))
	require.Equal(t, clientv3.EventTypeDelete, events(t, watch, 2)[1].Type)
	for i := 0; i < 4; i++ {
		require.EqualValues(t, 6, (<-alive).TTL)
	}
	require.Equal(t, []string{"1"}, get(t, client, "kept"))
	_, err = client.Revoke(within(t), kept)
	require.NoError(t, err)
	for range alive {
	}
}

func TestManyLeasesKeptAliveOnOneStreamSurviveACutConnection(t *testing.T) {
	p := newProxy(t)
	client := dialAt(t, p.Addr().String(), nil)
	var channels []<-chan *clientv3.LeaseKeepAliveResponse
	for i := 0; i < 50; i++ {
		id := grant(t, client, 6)
		put(t, client, fmt.Sprint("l/", i), "1", clientv3.WithLease(id))
		alive, err := client.KeepAlive(within(t), id)
		require.NoError(t, err)
		channels = append(channels, alive)
	}
	for _, alive := range channels {
		require.NotNil(t, <-alive)
	}
	p.cut()
	for _, alive := range channels {
		require.NotNil(t, <-alive)
	}
	require.Len(t, get(t, client, "l/", clientv3.WithPrefix()), 50)
}

func TestLeaseNumbersChosenByClients(t *testing.T) {
	raw := pb.NewLeaseClient(dial(t).ActiveConnection())
	_, err := raw.LeaseGrant(within(t), &pb.LeaseGrantRequest{ID: 4711, TTL: 60})
	require.NoError(t, err)
	_, err = raw.LeaseGrant(within(t), &pb.LeaseGrantRequest{ID: 4711, TTL: 60})
	require.ErrorIs(t, rpctypes.Error(err), rpctypes.ErrLeaseExist)
	_, err = raw.LeaseGrant(within(t), &pb.LeaseGrantRequest{TTL: 9000000001})
	require.ErrorIs(t, rpctypes.Error(err), rpctypes.ErrLeaseTTLTooLarge)
}
