// The kernel's definitions of virtio rings and of how vhost sets them up.
#pragma once

// Without its helpers for the layout of older devices, which are not C++.
#define VIRTIO_RING_NO_LEGACY
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
