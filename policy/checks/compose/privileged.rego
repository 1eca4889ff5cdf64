# METADATA
# title: A compose service is privileged
# description: A privileged container is root on the host.
# custom:
#   id: DRYDOCK-C001
#   severity: CRITICAL
#   short_code: privileged
#   recommended_actions: take privileged away; add the one capability that is needed
package user.drydock.drydock_c001

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	is_true(service.privileged)
	res := result.new(sprintf("service %q is privileged", [name]), service)
}

is_true(value) if lower(sprintf("%v", [value])) in {"true", "yes", "on"}
