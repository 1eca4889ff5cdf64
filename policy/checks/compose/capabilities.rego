# METADATA
# title: A compose service has a capability that is as good as root on the host
# description: With these a container can leave its namespaces, load modules or read all memory.
# custom:
#   id: DRYDOCK-C006
#   severity: HIGH
#   short_code: capabilities
#   recommended_actions: drop ALL, and add what is needed and is not one of these
package user.drydock.drydock_c006

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	some capability in service.cap_add
	trim_prefix(upper(capability), "CAP_") in {
		"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "SYS_BOOT", "DAC_READ_SEARCH", "BPF", "NET_ADMIN",
	}
	res := result.new(sprintf("service %q has the capability %s", [name, capability]), service)
}
