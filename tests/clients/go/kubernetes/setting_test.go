// Package kubernetes_test runs the storage tests that Kubernetes' apiserver has for its own etcd3
// store and watch cache, on the server at $ENDPOINT.
package kubernetes_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.uber.org/zap"
	"google.golang.org/grpc/grpclog"
	"k8s.io/apimachinery/pkg/api/apitesting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/apiserver/pkg/storage/etcd3"
	"k8s.io/apiserver/pkg/storage/feature"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	"k8s.io/apiserver/pkg/storage/value"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	"k8s.io/utils/clock"
)

const (
	keyPrefix   = "/pods/"
	valuePrefix = "test!"
	testMax     = 100 * time.Second
)

var (
	scheme = runtime.NewScheme()
	codec  = apitesting.TestCodec(serializer.NewCodecFactory(scheme), examplev1.SchemeGroupVersion)
	pods   = schema.GroupResource{Resource: "pods"}
)

func init() {
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	utilruntime.Must(example.AddToScheme(scheme))
	utilruntime.Must(examplev1.AddToScheme(scheme))
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
}

func newPod() runtime.Object     { return &example.Pod{} }
func newPodList() runtime.Object { return &example.PodList{} }

// changeable is the transformer of a store, which tests exchange while the store lives.
type changeable struct{ value.Transformer }

// setting is an apiserver's store of pods on the server, and what the tests do beside it.
type setting struct {
	storage.Interface
	ctx         context.Context
	client      *kubernetes.Client
	reads       *storagetesting.KVRecorder
	lists       *storagetesting.KubernetesRecorder
	revision    func() int64
	transformer *changeable
}

func newSetting(t *testing.T) *setting {
	client, err := kubernetes.New(clientv3.Config{
		Endpoints: []string{os.Getenv("ENDPOINT")}, DialTimeout: 20 * time.Second, Logger: zap.NewNop(),
	})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	s := &setting{client: client, lists: storagetesting.NewKubernetesRecorder(client.Kubernetes)}
	s.reads = storagetesting.NewKVRecorder(client.KV, s.lists)
	client.KV, client.Kubernetes = s.reads, s.lists
	ctx, cancel := context.WithTimeout(context.Background(), testMax)
	t.Cleanup(cancel)
	s.ctx = ctx

	compactor := etcd3.NewCompactor(client.Client, 0, clock.RealClock{}, nil)
	t.Cleanup(compactor.Stop)
	versioner := storage.APIObjectVersioner{}
	s.transformer = &changeable{storagetesting.NewPrefixTransformer([]byte(valuePrefix), false)}
	store, err := etcd3.New(client, compactor, codec, newPod, newPodList, "", keyPrefix, pods,
		s.transformer, etcd3.NewDefaultLeaseManagerConfig(), etcd3.NewDefaultDecoder(codec, versioner), versioner)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	feature.DefaultFeatureSupportChecker.CheckClient(ctx, client, storage.RequestWatchProgress)
	s.Interface, s.revision = store, store.CompactRevision
	return s
}

// newCached puts apiserver's watch cache before the store.
func newCached(t *testing.T) *setting {
	s := newSetting(t)
	cache, err := cacher.NewCacherFromConfig(cacher.Config{
		Storage: s.Interface, Versioner: storage.APIObjectVersioner{}, GroupResource: pods,
		EventsHistoryWindow: cacher.DefaultEventFreshDuration, ResourcePrefix: keyPrefix,
		KeyFunc: func(object runtime.Object) (string, error) {
			pod := object.(*example.Pod)
			return fmt.Sprintf("%s%s/%s", keyPrefix, pod.Namespace, pod.Name), nil
		},
		GetAttrsFunc: attributes, NewFunc: newPod, NewListFunc: newPodList,
		Codec: codec, Clock: clock.RealClock{},
	})
	require.NoError(t, err)
	require.NoError(t, cache.Wait(s.ctx))
	delegator := cacher.NewCacheDelegator(cache, s.Interface)
	t.Cleanup(func() { delegator.Stop(); cache.Stop() })
	s.Interface = delegator
	return s
}

func attributes(object runtime.Object) (labels.Set, fields.Set, error) {
	pod := object.(*example.Pod)
	return pod.Labels, fields.Set{
		"spec.nodeName": pod.Spec.NodeName, "metadata.name": pod.Name, "metadata.namespace": pod.Namespace,
	}, nil
}

// UpdatePrefixTransformer and UpdateTransformer are what tests with failing values ask for.
func (s *setting) UpdatePrefixTransformer(change storagetesting.PrefixTransformerModifier) func() {
	before := s.transformer.Transformer
	copied := *before.(*storagetesting.PrefixTransformer)
	s.transformer.Transformer = change(&copied)
	return func() { s.transformer.Transformer = before }
}

// stored checks what a create left on the server.
func (s *setting) stored(ctx context.Context, t *testing.T, key string) {
	found, err := s.client.KV.Get(ctx, key)
	require.NoError(t, err)
	require.Len(t, found.Kvs, 1)
	object, err := runtime.Decode(codec, found.Kvs[0].Value[len(valuePrefix):])
	require.NoError(t, err)
	require.Empty(t, object.(*example.Pod).ResourceVersion)
}

// write makes a revision that is none of the pods'.
func (s *setting) write(ctx context.Context, t *testing.T) int64 {
	done, err := s.client.KV.Put(ctx, "elsewhere", "x")
	require.NoError(t, err)
	return done.Header.Revision
}

// compact compacts as apiservers do among themselves, and waits until the store has seen it.
func (s *setting) compact(ctx context.Context, t *testing.T, resourceVersion string) {
	revision, err := storage.APIObjectVersioner{}.ParseResourceVersion(resourceVersion)
	require.NoError(t, err)
	at, _, _, err := etcd3.Compact(ctx, s.client.Client, 0, int64(revision))
	if err != nil {
		_, _, _, err = etcd3.Compact(ctx, s.client.Client, at, int64(revision))
	}
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.revision() == int64(revision) },
		testMax, 10*time.Millisecond)
}

// newStreaming has lists by RangeStream where the server can, and sees to it that they were.
func newStreaming(t *testing.T) *setting {
	featuregatetesting.SetFeatureGateDuringTest(
		t, utilfeature.DefaultFeatureGate, features.EtcdRangeStream, true)
	s := newSetting(t)
	t.Cleanup(func() {
		if os.Getenv("SERVER") != "etcd-3.4" {
			require.NotZero(t, s.reads.GetStreamReadsAndReset(), "no list came by RangeStream")
		}
	})
	return s
}
