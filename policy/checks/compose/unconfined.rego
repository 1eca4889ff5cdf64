# METADATA
# title: A compose service runs without seccomp, AppArmor or SELinux
# description: The last walls between a container and the kernel are taken down.
# custom:
#   id: DRYDOCK-C007
#   severity: HIGH
#   short_code: unconfined
#   recommended_actions: leave the defaults in place
package user.drydock.drydock_c007

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	some option in service.security_opt
	regex.match(`^((seccomp|apparmor|systempaths)[:=]unconfined|label[:=]disable|no-new-privileges[:=]false)$`, option)
	res := result.new(sprintf("service %q has %s", [name, option]), service)
}
