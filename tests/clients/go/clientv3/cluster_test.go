package clientv3_test

import (
	"crypto/sha256"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

func TestStatusMembersHashAndDefragment(t *testing.T) {
	client := dial(t)
	put(t, client, "a", "1")
	status, err := client.Status(within(t), endpoint())
	require.NoError(t, err)
	require.Equal(t, status.Header.MemberId, status.Leader)
	require.NotZero(t, status.Header.ClusterId)
	require.NotZero(t, status.RaftIndex)
	require.NotZero(t, status.RaftTerm)
	require.NotZero(t, status.DbSize)
	require.Empty(t, status.Errors)
	members, err := client.MemberList(within(t))
	require.NoError(t, err)
	require.Len(t, members.Members, 1)
	require.Equal(t, status.Leader, members.Members[0].ID)
	require.NoError(t, client.Sync(within(t)))
	require.Equal(t, []string{"http://" + endpoint()}, client.Endpoints())
	first, err := client.HashKV(within(t), endpoint(), 0)
	require.NoError(t, err)
	_, err = client.Defragment(within(t), endpoint())
	require.NoError(t, err)
	again, err := client.HashKV(within(t), endpoint(), 2)
	require.NoError(t, err)
	require.Equal(t, first.Hash, again.Hash)
	alarms, err := client.AlarmList(within(t))
	require.NoError(t, err)
	require.Empty(t, alarms.Alarms)
	health := healthpb.NewHealthClient(client.ActiveConnection())
	told, err := health.Check(within(t), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, healthpb.HealthCheckResponse_SERVING, told.Status)
}

func TestSnapshotEndsWithItsHash(t *testing.T) {
	client := dial(t)
	for i := 0; i < 100; i++ {
		put(t, client, fmt.Sprint(i), fmt.Sprint(i))
	}
	reader, err := client.Snapshot(within(t))
	require.NoError(t, err)
	content, err := io.ReadAll(reader)
	require.NoError(t, err)
	size := len(content) - sha256.Size
	require.Zero(t, size%512)
	sum := sha256.Sum256(content[:size])
	require.Equal(t, sum[:], content[size:])
}

func signUp(t *testing.T, client *clientv3.Client) {
	ctx := within(t)
	for _, user := range []string{"root", "ann"} {
		_, err := client.UserAdd(ctx, user, "pw")
		require.NoError(t, err)
	}
	for _, role := range []string{"root", "reader"} {
		_, err := client.RoleAdd(ctx, role)
		require.NoError(t, err)
	}
	_, err := client.RoleGrantPermission(ctx, "reader", "pub/", clientv3.GetPrefixRangeEnd("pub/"),
		clientv3.PermissionType(clientv3.PermRead))
	require.NoError(t, err)
	_, err = client.UserGrantRole(ctx, "root", "root")
	require.NoError(t, err)
	_, err = client.UserGrantRole(ctx, "ann", "reader")
	require.NoError(t, err)
	_, err = client.AuthEnable(ctx)
	require.NoError(t, err)
}

func logIn(t *testing.T, user string) *clientv3.Client {
	return dialAt(t, endpoint(), func(config *clientv3.Config) {
		config.Username, config.Password = user, "pw"
	})
}

func TestUsersMayDoWhatTheirRolesSay(t *testing.T) {
	client := dial(t)
	signUp(t, client)
	root, ann := logIn(t, "root"), logIn(t, "ann")
	put(t, root, "pub/a", "1")
	watch := ann.Watch(within(t), "pub/", clientv3.WithPrefix(), clientv3.WithRev(1))
	events(t, watch, 1)
	_, err := ann.Put(within(t), "pub/a", "2")
	require.ErrorIs(t, err, rpctypes.ErrPermissionDenied)
	_, err = ann.Get(within(t), "pub", clientv3.WithFromKey())
	require.ErrorIs(t, err, rpctypes.ErrPermissionDenied)
	denied := next(t, ann.Watch(within(t), "other"))
	require.True(t, denied.Canceled)
	_, err = client.Get(within(t), "pub/a")
	require.ErrorIs(t, err, rpctypes.ErrUserEmpty)
	_, err = clientv3.New(clientv3.Config{Endpoints: []string{endpoint()}, Username: "ann", Password: "no"})
	require.ErrorIs(t, err, rpctypes.ErrAuthFailed)
	_, err = ann.UserAdd(within(t), "bob", "pw")
	require.ErrorIs(t, err, rpctypes.ErrPermissionDenied)
	_, err = root.UserAdd(within(t), "ann", "pw")
	require.ErrorIs(t, err, rpctypes.ErrUserAlreadyExist)
	_, err = root.UserGrantRole(within(t), "ann", "none")
	require.ErrorIs(t, err, rpctypes.ErrRoleNotFound)
}

func TestClientLogsInAgainWhenItsTokenIsNoLongerGood(t *testing.T) {
	signUp(t, dial(t))
	root, ann := logIn(t, "root"), logIn(t, "ann")
	put(t, root, "pub/a", "1")
	require.Equal(t, []string{"1"}, get(t, ann, "pub/a"))
	// Every change to users makes the tokens before it old.
	_, err := root.UserAdd(within(t), "bob", "pw")
	require.NoError(t, err)
	require.Equal(t, []string{"1"}, get(t, ann, "pub/a"))
	_, err = root.UserRevokeRole(within(t), "ann", "reader")
	require.NoError(t, err)
	_, err = ann.Get(within(t), "pub/a")
	require.ErrorIs(t, err, rpctypes.ErrPermissionDenied)
	_, err = root.AuthDisable(within(t))
	require.NoError(t, err)
	put(t, ann, "pub/a", "2")
}
