package main

import (
	"context"
	"encoding/json"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// A claim that could not be grown is tried again after this time.
const retryPeriod = 30 * time.Second

// wantedCapacity is what a claim asks for beyond what it has; it has nothing before it is bound.
func wantedCapacity(claim *v1.PersistentVolumeClaim) (resource.Quantity, bool) {
	wanted := claim.Spec.Resources.Requests[v1.ResourceStorage]
	actual, bound := claim.Status.Capacity[v1.ResourceStorage]
	return wanted, bound && claim.Status.Phase == v1.ClaimBound && wanted.Cmp(actual) > 0
}

// expand grows the volume of a claim, and then says so in the claim. A folder grows by itself: only the numbers change.
func expand(ctx context.Context, client kubernetes.Interface, provisioner string, claim *v1.PersistentVolumeClaim) error {
	wanted, grows := wantedCapacity(claim)
	if !grows {
		return nil
	}
	volumes := client.CoreV1().PersistentVolumes()
	volume, err := volumes.Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil || volume.Annotations["pv.kubernetes.io/provisioned-by"] != provisioner {
		return err
	}
	capacity := map[string]any{"capacity": v1.ResourceList{v1.ResourceStorage: wanted}}
	volumePatch, err := json.Marshal(map[string]any{"spec": capacity})
	if err != nil {
		return err
	}
	if _, err = volumes.Patch(ctx, volume.Name, types.MergePatchType, volumePatch, metav1.PatchOptions{}); err != nil {
		return err
	}
	claimPatch, err := json.Marshal(map[string]any{"status": capacity})
	if err != nil {
		return err
	}
	claims := client.CoreV1().PersistentVolumeClaims(claim.Namespace)
	_, err = claims.Patch(ctx, claim.Name, types.MergePatchType, claimPatch, metav1.PatchOptions{}, "status")
	return err
}

// expandClaims grows the volumes of this provisioner until the context ends.
func expandClaims(ctx context.Context, client kubernetes.Interface, provisioner string) {
	look := func(object any) {
		claim, isClaim := object.(*v1.PersistentVolumeClaim)
		if !isClaim {
			return
		}
		if err := expand(ctx, client, provisioner, claim); err != nil {
			klog.ErrorS(err, "cannot expand the volume", "claim", klog.KObj(claim))
		}
	}
	factory := informers.NewSharedInformerFactory(client, retryPeriod)
	_, err := factory.Core().V1().PersistentVolumeClaims().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    look,
		UpdateFunc: func(_, object any) { look(object) },
	})
	if err != nil {
		klog.ErrorS(err, "volumes cannot be expanded")
		return
	}
	factory.Start(ctx.Done())
}
