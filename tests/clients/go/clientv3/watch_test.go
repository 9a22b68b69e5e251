package clientv3_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestWatchFromThePastThenFromNow(t *testing.T) {
	client := dial(t)
	put(t, client, "w/a", "1")
	put(t, client, "x", "outside")
	watch := client.Watch(within(t), "w/", clientv3.WithPrefix(), clientv3.WithRev(2), clientv3.WithPrevKV())
	put(t, client, "w/a", "2")
	_, err := client.Txn(within(t)).Then(clientv3.OpPut("w/b", "3"), clientv3.OpDelete("w/a")).Commit()
	require.NoError(t, err)
	found := events(t, watch, 4)
	require.True(t, found[0].IsCreate())
	require.True(t, found[1].IsModify())
	require.Equal(t, "1", string(found[1].PrevKv.Value))
	require.Equal(t, "w/b", string(found[2].Kv.Key))
	require.Equal(t, clientv3.EventTypeDelete, found[3].Type)
	require.Equal(t, found[2].Kv.ModRevision, found[3].Kv.ModRevision)
	require.Equal(t, "2", string(found[3].PrevKv.Value))
}

func TestWatchCreatedNotifyFiltersAndCancel(t *testing.T) {
	client := dial(t)
	ctx, cancel := context.WithCancel(within(t))
	deletes := client.Watch(ctx, "a", clientv3.WithFilterPut(), clientv3.WithCreatedNotify())
	require.True(t, next(t, deletes).Created)
	puts := client.Watch(within(t), "a", clientv3.WithFilterDelete(), clientv3.WithRev(1))
	put(t, client, "a", "1")
	_, err := client.Delete(within(t), "a")
	require.NoError(t, err)
	require.Equal(t, clientv3.EventTypeDelete, events(t, deletes, 1)[0].Type)
	cancel()
	for range deletes {
	}
	put(t, client, "a", "2")
	require.Equal(t, "2", string(events(t, puts, 2)[1].Kv.Value))
}

func TestWatchProgressOnRequestIsNeverAheadOfEvents(t *testing.T) {
	client := dial(t)
	watch := client.Watch(within(t), "a", clientv3.WithRev(1))
	last := put(t, client, "a", "1")
	events(t, watch, 1)
	for i := 0; i < 20; i++ {
		last = put(t, client, "other", fmt.Sprint(i))
	}
	// Progress of a watch that is not caught up is not told: so it is asked for again.
	for {
		require.NoError(t, client.RequestProgress(within(t)))
		answer := next(t, watch)
		require.True(t, answer.IsProgressNotify())
		if answer.Header.Revision == last {
			return
		}
	}
}

func TestWatchOfCompactedRevisionsEndsWithTheRevisionToGoOnFrom(t *testing.T) {
	client := dial(t)
	for i := 0; i < 6; i++ {
		put(t, client, "a", fmt.Sprint(i))
	}
	_, err := client.Compact(within(t), 5)
	require.NoError(t, err)
	answer := next(t, client.Watch(within(t), "a", clientv3.WithRev(2)))
	require.True(t, answer.Canceled)
	require.EqualValues(t, 5, answer.CompactRevision)
	require.ErrorIs(t, answer.Err(), rpctypes.ErrCompacted)
	require.Len(t, events(t, client.Watch(within(t), "a", clientv3.WithRev(5)), 3), 3)
}

func TestWatchOfOneRevisionWithLargeEventsComesInFragments(t *testing.T) {
	client := dial(t)
	watch := client.Watch(within(t), "f/", clientv3.WithPrefix(), clientv3.WithFragment(), clientv3.WithRev(1))
	value := strings.Repeat("x", 1<<20)
	for i := 0; i < 10; i++ {
		put(t, client, fmt.Sprint("f/", i), value)
	}
	for i, event := range events(t, watch, 10) {
		require.Equal(t, fmt.Sprint("f/", i), string(event.Kv.Key))
	}
}

func TestManyWatchesOnOneStream(t *testing.T) {
	client := dial(t)
	var watches []clientv3.WatchChan
	for i := 0; i < 300; i++ {
		watches = append(watches, client.Watch(within(t), fmt.Sprint("m/", i), clientv3.WithRev(1)))
	}
	for i := range watches {
		put(t, client, fmt.Sprint("m/", i), fmt.Sprint(i))
	}
	for i, watch := range watches {
		require.Equal(t, fmt.Sprint(i), string(events(t, watch, 1)[0].Kv.Value))
	}
}

func TestWatchGoesOnWithoutALossWhenItsConnectionIsCut(t *testing.T) {
	p := newProxy(t)
	direct := dial(t)
	watch := dialAt(t, p.Addr().String(), nil).Watch(within(t), "r/", clientv3.WithPrefix(), clientv3.WithRev(1))
	for i := 0; i < 60; i++ {
		put(t, direct, fmt.Sprintf("r/%02d", i), "x")
		if i%20 == 10 {
			p.cut()
		}
	}
	for i, event := range events(t, watch, 60) {
		require.Equal(t, fmt.Sprintf("r/%02d", i), string(event.Kv.Key))
	}
}

func TestWatchWithALeaderRequired(t *testing.T) {
	client := dial(t)
	watch := client.Watch(clientv3.WithRequireLeader(within(t)), "a", clientv3.WithRev(1))
	put(t, client, "a", "1")
	events(t, watch, 1)
}
