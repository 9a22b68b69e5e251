package kubernetes_test

import (
	"os"
	"testing"

	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

func TestWatch(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestWatch(s.ctx, t, s)
}

func TestWatchOfACluster(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestClusterScopedWatch(s.ctx, t, s)
}

func TestWatchOfANamespace(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestNamespaceScopedWatch(s.ctx, t, s)
}

func TestWatchFromZero(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestWatchFromZero(s.ctx, t, s, s.compact)
}

func TestWatchFromARevision(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestWatchFromNonZero(s.ctx, t, s)
}

func TestWatchDeletes(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestDeleteTriggerWatch(s.ctx, t, s)
	storagetesting.RunTestWatchDeleteEventObjectHaveLatestRV(s.ctx, t, s)
}

func TestWatchDelayedDelivery(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestDelayedWatchDelivery(s.ctx, t, s)
}

func TestWatchError(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestWatchError(s.ctx, t, s)
}

func TestWatchCancelled(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunTestWatchContextCancel(s.ctx, t, s)
}

func TestWatchProgressNotify(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunOptionalTestProgressNotify(s.ctx, t, s, s.write)
}

func TestWatchSemantics(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunWatchSemantics(s.ctx, t, s)
	storagetesting.RunWatchSemanticInitialEventsExtended(s.ctx, t, s)
}

func TestWatchListOfASingleObject(t *testing.T) {
	s := newSetting(t)
	storagetesting.RunWatchListMatchSingle(s.ctx, t, s)
}

func TestCacheLists(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestListPaging(s.ctx, t, s)
}

func TestCacheListsConsistentlyByRequestProgress(t *testing.T) {
	if os.Getenv("SERVER") == "etcd-3.4" {
		t.Skip("SKIP etcd-3.4 before 3.4.31 has progress that Kubernetes does not trust")
	}
	s := newCached(t)
	storagetesting.RunTestConsistentList(s.ctx, t, s, s.write, true, true, true)
}

func TestCacheNamespaceScopedList(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestNamespaceScopedList(s.ctx, t, s)
}

func TestCacheWatch(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestWatch(s.ctx, t, s)
}

func TestCacheWatchOfANamespace(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestNamespaceScopedWatch(s.ctx, t, s)
}

func TestCacheWatchFromARevision(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestWatchFromNonZero(s.ctx, t, s)
}

func TestCacheBookmarks(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestWatchDispatchBookmarkEvents(s.ctx, t, s, true)
}

func TestCacheBookmarksWithTheRightRevision(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestOptionalWatchBookmarksWithCorrectResourceVersion(s.ctx, t, s)
}

func TestCacheGuaranteedUpdates(t *testing.T) {
	s := newCached(t)
	storagetesting.RunTestGuaranteedUpdateWithConflict(s.ctx, t, s)
	storagetesting.RunTestGuaranteedUpdateWithTTL(s.ctx, t, s)
}
