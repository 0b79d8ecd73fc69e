job "hello" {
  datacenters = ["dc1"]

  group "example" {
    task "server" {
      driver = "exec"

      config {
        command = "/usr/bin/perl"
        args = [
          "-MIO::Socket::INET",
          "-e",
          <<PERL
$| = 1;
my $server = IO::Socket::INET->new(LocalPort => $ENV{NOMAD_PORT_http}, Listen => 5, ReuseAddr => 1) or die "listen: $!";
print "listening on $ENV{NOMAD_PORT_http}\n";
while (my $client = $server->accept) {
  while (defined(my $line = <$client>)) { last if $line =~ /^\r?\n$/ }
  print $client "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nhello world\n";
  close $client;
  print "answered\n";
}
PERL
        ]
      }

      resources {
        network {
          mbits = 10
          port "http" {
            static = "5678"
          }
        }
      }
    }
  }
}
