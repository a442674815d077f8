# What goes over the network, seen from the host: captures, what is wrong in them, the host's own phone.
