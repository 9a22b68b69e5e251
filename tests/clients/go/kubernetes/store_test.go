package kubernetes_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/etcd3"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	"k8s.io/utils/clock"
)

func TestCreate(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestCreate(s.ctx, t, s, s.stored)
}

func TestCreateWithTTL(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestCreateWithTTL(s.ctx, t, s)
}

func TestCreateWithKeyExist(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestCreateWithKeyExist(s.ctx, t, s)
}

func TestGet(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestGet(s.ctx, t, s)
}

func TestDeleteUnconditionalAndConditional(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestUnconditionalDelete(s.ctx, t, s)
	storagetesting.RunTestConditionalDelete(s.ctx, t, s)
}

func TestDeleteWithSuggestions(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestDeleteWithSuggestion(s.ctx, t, s)
	storagetesting.RunTestDeleteWithSuggestionAndConflict(s.ctx, t, s)
	storagetesting.RunTestDeleteWithSuggestionOfDeletedObject(s.ctx, t, s)
	storagetesting.RunTestDeleteWithConflict(s.ctx, t, s)
	storagetesting.RunTestPreconditionalDeleteWithSuggestion(s.ctx, t, s)
}

func TestGuaranteedUpdate(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestGuaranteedUpdate(s.ctx, t, s, s.stored)
}

func TestGuaranteedUpdateWithTTL(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestGuaranteedUpdateWithTTL(s.ctx, t, s)
}

func TestGuaranteedUpdateWithConflicts(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestGuaranteedUpdateWithConflict(s.ctx, t, s)
	storagetesting.RunTestGuaranteedUpdateWithSuggestionAndConflict(s.ctx, t, s)
}

func TestTransformationFailure(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestTransformationFailure(s.ctx, t, s)
}

func TestList(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestList(s.ctx, t, s, s.compact, false, s.lists)
}

func TestListByRangeStream(t *testing.T) {
	s := newStreaming(t)
	storagetesting.RunTestList(s.ctx, t, s, s.compact, false, s.lists)
}

func TestConsistentList(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestConsistentList(s.ctx, t, s, s.write, false, true, false)
}

func TestConsistentListByRangeStream(t *testing.T) {
	s := newStreaming(t)
	storagetesting.RunTestConsistentList(s.ctx, t, s, s.write, false, true, false)
}

func TestListPaging(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestListPaging(s.ctx, t, s)
}

func TestListContinuation(t *testing.T) {
	s := newSetting(t)
	anyCalls := func(*testing.T, uint64, uint64) {}
	storagetesting.RunTestListContinuation(s.ctx, t, s, anyCalls)
}

func TestListContinuationWithFilter(t *testing.T) {
	s := newSetting(t)
	anyCalls := func(*testing.T, uint64, uint64) {}
	storagetesting.RunTestListContinuationWithFilter(s.ctx, t, s, anyCalls)
}

func TestListPaginationOfARareObject(t *testing.T) {
	s := newSetting(t)
	anyCalls := func(*testing.T, uint64, uint64) {}
	storagetesting.RunTestListPaginationRareObject(s.ctx, t, s, anyCalls)
}

func TestListContinuationAcrossCompaction(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestListInconsistentContinuation(s.ctx, t, s, s.compact)
}

func TestListByResourceVersionMatch(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestListResourceVersionMatch(s.ctx, t, s)
}

func TestGetListRecursiveAndNot(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestGetListNonRecursive(s.ctx, t, s.write, s)
}

func TestGetListOfAPrefix(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestGetListRecursivePrefix(s.ctx, t, s)
}

func TestNamespaceScopedList(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestNamespaceScopedList(s.ctx, t, s)
}

func TestCompactRevision(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestCompactRevision(s.ctx, t, s, s.write, s.compact)
}

func TestStats(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestStats(s.ctx, t, s, codec, s.transformer, false)
}

func TestEventsShareALease(t *testing.T) {
	s := newSetting(t)
	for i := 0; i < 200; i++ {
		name := fmt.Sprint("event-", i)
		pod := &example.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}}
		require.NoError(t, s.Create(s.ctx, keyPrefix+"ns/"+name, pod, &example.Pod{}, 3600))
	}
	leases, err := s.client.Leases(s.ctx)
	require.NoError(t, err)
	require.Len(t, leases.Leases, 1)
	told, err := s.client.TimeToLive(s.ctx, leases.Leases[0].ID)
	require.NoError(t, err)
	require.GreaterOrEqual(t, told.GrantedTTL, int64(3600))
}

func TestApiserversCompactByThemselves(t *testing.T) {
	s := newSetting(t)
	for i := 0; i < 2; i++ {
		compactor := etcd3.NewCompactor(s.client.Client, 100*time.Millisecond, clock.RealClock{}, nil)
		defer compactor.Stop()
	}
	wanted := s.write(s.ctx, t)
	require.Eventually(t, func() bool {
		s.write(s.ctx, t)
		return s.revision() >= wanted
	}, testMax, 50*time.Millisecond)
}

func TestStorageIsReady(t *testing.T) {
	s := newSetting(t)
	require.NoError(t, s.ReadinessCheck())
	revision, err := s.GetCurrentResourceVersion(s.ctx)
	require.NoError(t, err)
	require.EqualValues(t, s.write(s.ctx, t), revision+1)
	if os.Getenv("SERVER") != "etcd-3.4" {
		require.NoError(t, s.RequestWatchProgress(s.ctx))
	}
	var _ storage.Interface = s
}
