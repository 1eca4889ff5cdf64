# METADATA
# title: A compose service other than nginx is published on all addresses
# description: What is reached from outside comes in through nginx; the rest is for this machine.
# custom:
#   id: DRYDOCK-C005
#   severity: HIGH
#   short_code: published-port
#   recommended_actions: publish it on 127.0.0.1, or expose it only
package user.drydock.drydock_c005

import data.lib.drydock.compose
import future.keywords.contains
import future.keywords.if
import future.keywords.in

deny contains res if {
	some name, service in compose.services
	name != "nginx"
	some port in service.ports
	is_open(port)
	res := result.new(sprintf("service %q is published on all addresses: %s", [name, shown(port)]), service)
}

is_open(port) if is_number(port)

is_open(port) if {
	is_string(port)
	not regex.match(`^(127\.\d+\.\d+\.\d+|\[::1\]|localhost):`, port)
}

is_open(port) if {
	is_object(port)
	not is_loopback(port)
}

is_loopback(port) if regex.match(`^(127\.\d+\.\d+\.\d+|::1|\[::1\])$`, port.host_ip)

shown(port) := sprintf("%v", [port]) if not is_object(port)

shown(port) := sprintf("%v", [port.target]) if is_object(port)
