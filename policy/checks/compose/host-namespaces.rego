# METADATA
# title: A compose service shares a namespace with the host
# description: With the network, the processes or the users of the host, a container is hardly one.
# custom:
#   id: DRYDOCK-C002
#   severity: HIGH
#   short_code: host-namespaces
#   recommended_actions: take it away; publish the port that is needed
package user.drydock.drydock_c002

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	some field in ["network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"]
	service[field] == "host"
	res := result.new(sprintf("service %q has the host's %s", [name, field]), service)
}
