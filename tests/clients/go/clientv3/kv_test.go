package clientv3_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestKeysPrefixesOrdersAndLimits(t *testing.T) {
	client := dial(t)
	for i := 0; i < 5; i++ {
		put(t, client, fmt.Sprint("k", i), fmt.Sprint(9-i))
	}
	put(t, client, "k0", "new")
	require.Equal(t, []string{"9"}, get(t, client, "k0", clientv3.WithRev(2)))
	require.Equal(t, []string{"new", "8"}, get(t, client, "k", clientv3.WithPrefix(), clientv3.WithLimit(2)))
	require.Equal(t, []string{"6", "5"}, get(t, client, "k3", clientv3.WithFromKey()))
	require.Equal(t, []string{"8", "7"}, get(t, client, "k1", clientv3.WithRange("k3"), clientv3.WithSerializable()))
	byValue := clientv3.WithSort(clientv3.SortByValue, clientv3.SortDescend)
	require.Equal(t, []string{"new", "8"}, get(t, client, "k", clientv3.WithPrefix(), byValue, clientv3.WithLimit(2)))
	require.Equal(t, []string{"new"}, get(t, client, "k", clientv3.WithLastRev()...))
	require.Equal(t, []string{"5"}, get(t, client, "k", clientv3.WithLastKey()...))
	recent := clientv3.WithMinModRev(6)
	require.Equal(t, []string{"new", "5"}, get(t, client, "k", clientv3.WithPrefix(), recent))
	answer, err := client.Get(within(t), "k", clientv3.WithPrefix(), clientv3.WithCountOnly())
	require.NoError(t, err)
	require.EqualValues(t, 5, answer.Count)
	deleted, err := client.Delete(within(t), "k", clientv3.WithPrefix(), clientv3.WithPrevKV())
	require.NoError(t, err)
	require.EqualValues(t, 5, deleted.Deleted)
	require.Len(t, deleted.PrevKvs, 5)
}

func TestTransactionsNestAndSeeOneRevision(t *testing.T) {
	client := dial(t)
	put(t, client, "a", "1")
	inner := clientv3.OpTxn(
		[]clientv3.Cmp{clientv3.Compare(clientv3.Version("none"), "=", 0)},
		[]clientv3.Op{clientv3.OpPut("inner", "1")}, nil)
	answer, err := client.Txn(within(t)).
		If(clientv3.Compare(clientv3.Value("a"), "=", "1"),
			clientv3.Compare(clientv3.CreateRevision("a"), "<", 3).WithPrefix(),
			clientv3.Compare(clientv3.LeaseValue("a"), "=", 0)).
		Then(clientv3.OpPut("b", "2"), inner, clientv3.OpGet("inner"), clientv3.OpDelete("a")).
		Else(clientv3.OpGet("a")).Commit()
	require.NoError(t, err)
	require.True(t, answer.Succeeded)
	require.Len(t, answer.Responses, 4)
	kv := answer.Responses[2].GetResponseRange().Kvs[0]
	require.Equal(t, answer.Header.Revision, kv.ModRevision)
	require.EqualValues(t, 1, answer.Responses[3].GetResponseDeleteRange().Deleted)
}

func TestErrorsAreTheOnesTheClientKnows(t *testing.T) {
	client := dial(t)
	ctx := within(t)
	for i := 0; i < 5; i++ {
		put(t, client, "a", fmt.Sprint(i))
	}
	_, err := client.Compact(ctx, 4, clientv3.WithCompactPhysical())
	require.NoError(t, err)
	_, err = client.Get(ctx, "a", clientv3.WithRev(3))
	require.ErrorIs(t, err, rpctypes.ErrCompacted)
	_, err = client.Compact(ctx, 4)
	require.ErrorIs(t, err, rpctypes.ErrCompacted)
	_, err = client.Get(ctx, "a", clientv3.WithRev(99))
	require.ErrorIs(t, err, rpctypes.ErrFutureRev)
	_, err = client.Put(ctx, "", "")
	require.ErrorIs(t, err, rpctypes.ErrEmptyKey)
	_, err = client.Put(ctx, "none", "", clientv3.WithIgnoreValue())
	require.ErrorIs(t, err, rpctypes.ErrKeyNotFound)
	_, err = client.Put(ctx, "a", "", clientv3.WithLease(99))
	require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
	_, err = client.Txn(ctx).Then(clientv3.OpPut("x", "1"), clientv3.OpPut("x", "2")).Commit()
	require.ErrorIs(t, err, rpctypes.ErrDuplicateKey)
	var many []clientv3.Op
	for i := 0; i < 129; i++ {
		many = append(many, clientv3.OpPut(fmt.Sprint(i), ""))
	}
	_, err = client.Txn(ctx).Then(many...).Commit()
	require.ErrorIs(t, err, rpctypes.ErrTooManyOps)
	_, err = client.Put(ctx, "big", strings.Repeat("x", 1600<<10))
	require.ErrorIs(t, err, rpctypes.ErrRequestTooLarge)
	_, err = client.Revoke(ctx, 99)
	require.ErrorIs(t, err, rpctypes.ErrLeaseNotFound)
	_, err = client.MemberRemove(ctx, 99)
	require.ErrorIs(t, err, rpctypes.ErrMemberNotFound)
	_, err = client.MoveLeader(ctx, 99)
	require.ErrorIs(t, err, rpctypes.ErrBadLeaderTransferee)
}

func TestRangeStreamBringsAllOfOneRevision(t *testing.T) {
	notOn(t, "etcd-3.4", "has no RangeStream")
	client := dial(t)
	value := strings.Repeat("x", 10000)
	for i := 0; i < 500; i++ {
		put(t, client, fmt.Sprintf("k%03d", i), value)
	}
	stream, err := client.GetStream(within(t), "k", clientv3.WithPrefix(), clientv3.WithSerializable())
	require.NoError(t, err)
	whole, err := clientv3.GetStreamToGetResponse(stream)
	require.NoError(t, err)
	plain, err := client.Get(within(t), "k", clientv3.WithPrefix())
	require.NoError(t, err)
	require.EqualValues(t, 500, whole.Count)
	require.Equal(t, plain.Header.Revision, whole.Header.Revision)
	require.Len(t, whole.Kvs, 500)
	for i, kv := range whole.Kvs {
		require.Equal(t, plain.Kvs[i].String(), kv.String())
	}
	stream, err = client.GetStream(within(t), "k", clientv3.WithPrefix(), clientv3.WithRev(99999))
	if err == nil {
		_, err = clientv3.GetStreamToGetResponse(stream)
	}
	require.ErrorIs(t, err, rpctypes.ErrFutureRev)
}

func TestClientReconnectsWhenItsConnectionIsCut(t *testing.T) {
	p := newProxy(t)
	client := dialAt(t, p.Addr().String(), nil)
	put(t, client, "a", "1")
	p.cut()
	require.Equal(t, []string{"1"}, get(t, client, "a"))
}
