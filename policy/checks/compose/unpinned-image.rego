# METADATA
# title: A compose service runs an image that is not pinned by digest
# description: A tag can be moved to other content at any time.
# custom:
#   id: DRYDOCK-C004
#   severity: HIGH
#   short_code: unpinned-image
#   recommended_actions: write it as name:tag@sha256:…, or hand it in as a variable
package user.drydock.drydock_c004

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	is_string(service.image)
	not regex.match(`@sha256:[0-9a-f]{64}\}?$`, service.image)
	not is_variable(service.image)
	res := result.new(sprintf("service %q runs %s, which has no digest", [name, service.image]), service)
}

# Whoever sets it pins it. A default is not set by anybody.
is_variable(image) if regex.match(`^\$(\w+|\{\w+(:?\?[^}]*)?\})$`, image)

# A default that only this machine can have made: no registry elsewhere serves that name.
is_variable(image) if regex.match(`^\$\{\w+:?-localhost/[^}@]+\}$`, image)
