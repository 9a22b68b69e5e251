package clientv3_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	recipe "go.etcd.io/etcd/client/v3/experimental/recipes"
	"go.etcd.io/etcd/client/v3/leasing"
	"go.etcd.io/etcd/client/v3/mirror"
	"go.etcd.io/etcd/client/v3/namespace"
	"go.etcd.io/etcd/client/v3/naming/endpoints"
	"go.etcd.io/etcd/client/v3/ordering"
)

func session(t *testing.T, client *clientv3.Client, ttl int) *concurrency.Session {
	s, err := concurrency.NewSession(client, concurrency.WithTTL(ttl))
	require.NoError(t, err)
	return s
}

func TestMutexHasOneHolderAtATime(t *testing.T) {
	client := dial(t)
	held, most := 0, 0
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for i := 0; i < 8; i++ {
		s := session(t, client, 30)
		wait.Add(1)
		go func() {
			defer wait.Done()
			defer s.Close()
			lock := concurrency.NewMutex(s, "/doors")
			if err := lock.Lock(within(t)); err != nil {
				t.Error(err)
				return
			}
			mutex.Lock()
			held++
			most = max(most, held)
			mutex.Unlock()
			time.Sleep(5 * time.Millisecond)
			mutex.Lock()
			held--
			mutex.Unlock()
			if err := lock.Unlock(within(t)); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	require.Equal(t, 1, most)
}

func TestMutexTryLockAndOwnership(t *testing.T) {
	client := dial(t)
	first, second := session(t, client, 30), session(t, client, 30)
	lock, other := concurrency.NewMutex(first, "/doors"), concurrency.NewMutex(second, "/doors")
	require.NoError(t, lock.Lock(within(t)))
	require.ErrorIs(t, other.TryLock(within(t)), concurrency.ErrLocked)
	owned, err := client.Txn(within(t)).If(lock.IsOwner()).Then(clientv3.OpPut("a", "1")).Commit()
	require.NoError(t, err)
	require.True(t, owned.Succeeded)
	require.NoError(t, first.Close())
	require.NoError(t, other.Lock(within(t)))
	owned, err = client.Txn(within(t)).If(lock.IsOwner()).Then(clientv3.OpPut("a", "2")).Commit()
	require.NoError(t, err)
	require.False(t, owned.Succeeded)
}

func TestSessionEndsWithItsLeaseAndFreesItsLock(t *testing.T) {
	client := dial(t)
	first, second := session(t, client, 6), session(t, client, 6)
	lock := concurrency.NewMutex(first, "/doors")
	require.NoError(t, lock.Lock(within(t)))
	_, err := client.Revoke(within(t), first.Lease())
	require.NoError(t, err)
	require.NoError(t, concurrency.NewMutex(second, "/doors").Lock(within(t)))
	select {
	case <-first.Done():
	case <-time.After(waitMax):
		require.FailNow(t, "the session goes on without its lease")
	}
	second.Orphan()
	watch := client.Watch(within(t), "/doors", clientv3.WithPrefix(), clientv3.WithFilterPut())
	require.Equal(t, clientv3.EventTypeDelete, events(t, watch, 1)[0].Type)
}

func TestElectionCampaignObserveProclaimResign(t *testing.T) {
	client := dial(t)
	first := concurrency.NewElection(session(t, client, 30), "/post")
	second := concurrency.NewElection(session(t, client, 30), "/post")
	_, err := first.Leader(within(t))
	require.ErrorIs(t, err, concurrency.ErrElectionNoLeader)
	observed := second.Observe(within(t))
	require.NoError(t, first.Campaign(within(t), "ann"))
	require.Equal(t, "ann", string((<-observed).Kvs[0].Value))
	won := make(chan error, 1)
	go func() { won <- second.Campaign(within(t), "bob") }()
	require.NoError(t, first.Proclaim(within(t), "anna"))
	require.Equal(t, "anna", string((<-observed).Kvs[0].Value))
	require.NoError(t, first.Resign(within(t)))
	require.NoError(t, <-won)
	leader, err := first.Leader(within(t))
	require.NoError(t, err)
	require.Equal(t, "bob", string(leader.Kvs[0].Value))
	require.ErrorIs(t, first.Proclaim(within(t), "no"), concurrency.ErrElectionNotLeader)
}

func TestSoftwareTransactionsLoseNothing(t *testing.T) {
	client := dial(t)
	put(t, client, "a", "100")
	put(t, client, "b", "0")
	number := func(text string) int { n, _ := strconv.Atoi(text); return n }
	var wait sync.WaitGroup
	for i := 0; i < 20; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			_, err := concurrency.NewSTM(client, func(s concurrency.STM) error {
				s.Put("a", fmt.Sprint(number(s.Get("a"))-1))
				s.Put("b", fmt.Sprint(number(s.Get("b"))+1))
				return nil
			}, concurrency.WithIsolation(concurrency.Isolation(i%3)))
			if err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
	sum := number(get(t, client, "a")[0]) + number(get(t, client, "b")[0])
	require.Equal(t, 100, sum)
}

func TestRecipesQueueBarrierAndReadWriteLock(t *testing.T) {
	client := dial(t)
	queue := recipe.NewPriorityQueue(client, "queue")
	require.NoError(t, queue.Enqueue("second", 2))
	require.NoError(t, queue.Enqueue("first", 1))
	for _, wanted := range []string{"first", "second"} {
		found, err := queue.Dequeue()
		require.NoError(t, err)
		require.Equal(t, wanted, found)
	}
	barrier := recipe.NewBarrier(client, "barrier")
	require.NoError(t, barrier.Hold())
	passed := make(chan error, 1)
	go func() { passed <- recipe.NewBarrier(client, "barrier").Wait() }()
	require.NoError(t, barrier.Release())
	require.NoError(t, <-passed)
	first, second := session(t, client, 30), session(t, client, 30)
	reader, writer := recipe.NewRWMutex(first, "rw"), recipe.NewRWMutex(second, "rw")
	require.NoError(t, reader.RLock())
	go func() { passed <- writer.Lock() }()
	require.NoError(t, reader.RUnlock())
	require.NoError(t, <-passed)
	require.NoError(t, writer.Unlock())
}

func TestNamespaceHidesItsPrefix(t *testing.T) {
	client := dial(t)
	inside := dial(t)
	inside.KV = namespace.NewKV(inside.KV, "n/")
	inside.Watcher = namespace.NewWatcher(inside.Watcher, "n/")
	inside.Lease = namespace.NewLease(inside.Lease, "n/")
	watch := inside.Watch(within(t), "", clientv3.WithPrefix(), clientv3.WithRev(1))
	put(t, client, "m", "outside")
	put(t, inside, "a", "1", clientv3.WithLease(grant(t, inside, 60)))
	require.Equal(t, "a", string(events(t, watch, 1)[0].Kv.Key))
	require.Equal(t, []string{"1"}, get(t, client, "n/a"))
	require.Equal(t, []string{"1"}, get(t, inside, "", clientv3.WithFromKey()))
	require.NoError(t, concurrency.NewMutex(session(t, inside, 30), "lock").Lock(within(t)))
	require.Len(t, get(t, client, "n/lock/", clientv3.WithPrefix()), 1)
}

func TestLeasingServesReadsFromItsCacheAndGivesWayToWriters(t *testing.T) {
	client := dial(t)
	first, closeFirst, err := leasing.NewKV(dial(t), "leases/")
	require.NoError(t, err)
	defer closeFirst()
	second, closeSecond, err := leasing.NewKV(dial(t), "leases/")
	require.NoError(t, err)
	defer closeSecond()
	put(t, client, "a", "1")
	require.Equal(t, []string{"1"}, get(t, first, "a"))
	require.Len(t, get(t, client, "leases/a"), 1)
	for i := 2; i < 6; i++ {
		_, err = second.Put(within(t), "a", fmt.Sprint(i))
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint(i)}, get(t, first, "a"))
	}
	done, err := first.Txn(within(t)).If(clientv3.Compare(clientv3.Value("a"), "=", "5")).
		Then(clientv3.OpDelete("a")).Commit()
	require.NoError(t, err)
	require.True(t, done.Succeeded)
	require.Empty(t, get(t, second, "a"))
}

func TestOrderingNeverGoesBack(t *testing.T) {
	client := dial(t)
	violated := func(clientv3.Op, clientv3.OpResponse, int64) error { return context.Canceled }
	kv := ordering.NewKV(client.KV, violated)
	for i := 0; i < 20; i++ {
		put(t, client, "a", fmt.Sprint(i))
		require.Equal(t, []string{fmt.Sprint(i)}, get(t, kv, "a"))
		get(t, kv, "a", clientv3.WithSerializable())
	}
}

func TestMirrorCopiesWhatIsThereAndWhatComes(t *testing.T) {
	client := dial(t)
	for i := 0; i < 2500; i++ {
		put(t, client, fmt.Sprintf("m/%04d", i), "x")
	}
	syncer := mirror.NewSyncer(client, "m/", 0)
	answers, failed := syncer.SyncBase(within(t))
	count := 0
	for answer := range answers {
		count += len(answer.Kvs)
	}
	require.NoError(t, <-failed)
	require.Equal(t, 2500, count)
	updates := syncer.SyncUpdates(within(t))
	put(t, client, "m/new", "y")
	require.Equal(t, "m/new", string(events(t, updates, 1)[0].Kv.Key))
}

func TestNamingListsAndFollowsEndpoints(t *testing.T) {
	client := dial(t)
	manager, err := endpoints.NewManager(client, "service")
	require.NoError(t, err)
	changes, err := manager.NewWatchChannel(within(t))
	require.NoError(t, err)
	require.NoError(t, manager.AddEndpoint(within(t), "service/one", endpoints.Endpoint{Addr: "10.0.0.1:1"}))
	change := <-changes
	require.Equal(t, endpoints.Add, change[0].Op)
	listed, err := manager.List(within(t))
	require.NoError(t, err)
	require.Equal(t, "10.0.0.1:1", listed["service/one"].Addr)
	require.NoError(t, manager.DeleteEndpoint(within(t), "service/one"))
	require.Equal(t, endpoints.Delete, (<-changes)[0].Op)
}
