package kubernetes_test

import (
	_ "k8s.io/apiserver/pkg/storage/cacher"
	_ "k8s.io/apiserver/pkg/storage/etcd3"
	_ "k8s.io/apiserver/pkg/storage/testing"
	_ "k8s.io/apiserver/pkg/apis/example/v1"
)
