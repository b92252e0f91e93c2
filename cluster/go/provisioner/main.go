// Command provisioner makes the volumes of this cluster: one folder of the node per claim, published as a volume of
// type local. The kubelet applies fsGroup to local volumes, which it does not do for hostPath, so a container with
// uid 1000 can write. Capacity is not enforced.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

type localFolders struct {
	root string
	node string
}

// Provision makes the folder of a claim. It is named after the volume, which holds the uid of the claim, so a folder
// is never met by a second claim.
func (folders localFolders) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(folders.root, options.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			MountOptions:                  options.StorageClass.MountOptions,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{
				NodeSelectorTerms: []v1.NodeSelectorTerm{{
					MatchExpressions: []v1.NodeSelectorRequirement{{
						Key:      v1.LabelHostname,
						Operator: v1.NodeSelectorOpIn,
						Values:   []string{folders.node},
					}},
				}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the folder of a volume. Folders elsewhere are left alone: somebody else made them.
func (folders localFolders) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	path := filepath.Join(folders.root, volume.Name)
	if volume.Spec.Local == nil || volume.Spec.Local.Path != path {
		return fmt.Errorf("volume %s is not at %s: it was not made here", volume.Name, path)
	}
	return os.RemoveAll(path)
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "path of the kubeconfig")
	name := flag.String("name", "", "name of the provisioner, as storage classes name it")
	root := flag.String("root", "", "folder of the node that holds the volumes")
	node := flag.String("node", "", "name of the node that holds the folder")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		klog.ErrorS(err, "cannot read the kubeconfig")
		klog.FlushAndExit(klog.ExitFlushTimeout, 1)
	}
	client := kubernetes.NewForConfigOrDie(config)
	ctx := klog.NewContext(context.Background(), klog.Background())
	expandClaims(ctx, client, *name)
	controller.NewProvisionController(ctx, client, *name, localFolders{root: *root, node: *node},
		controller.LeaderElection(false)).Run(ctx)
}
