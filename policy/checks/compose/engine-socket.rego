# METADATA
# title: A compose service has the socket of a container engine, or the folder it is in
# description: Who can talk to the engine can start anything, as root of the host.
# custom:
#   id: DRYDOCK-C003
#   severity: CRITICAL
#   short_code: engine-socket
#   recommended_actions: do not mount it; ask the engine through a proxy that only reads, if it must be
package user.drydock.drydock_c003

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	some volume in service.volumes
	source := source_of(volume)
	regex.match(`(^|/)(docker|containerd|podman|crio|buildkitd)\.sock$|^(/|/run|/var|/var/run)/*$`, source)
	res := result.new(sprintf("service %q mounts %s of the host", [name, source]), service)
}

source_of(volume) := split(volume, ":")[0] if is_string(volume)

source_of(volume) := volume.source if is_object(volume)
