using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Kine.Grains.Hosting;
using Kine.Tests.Servers;

namespace Kine.Tests.Cluster;

/// <summary>Where a process listens for the others, and what they are told.</summary>
public sealed class PeerListenerTests
{
    private static readonly DnsEndPoint[] Local = [new("127.0.0.1", 5432)];

    [Fact]
    public void Without_settings_it_is_the_address_that_leads_to_the_database_and_a_port_that_nobody_else_has()
    {
        using var first = PeerListener.Open("", "", Local);
        using var second = PeerListener.Open("", "", Local);
        Assert.Equal(first.Advertised.Address, second.Advertised.Address);
        Assert.NotEqual(first.Advertised.Port, second.Advertised.Port);
        Assert.NotEqual(first.MemberId, second.MemberId);
        using var client = new TcpClient();
        client.Connect(second.Advertised);
    }

    [Fact]
    public void A_database_that_is_reached_within_the_machine_may_be_a_proxy_to_one_that_others_use_too()
    {
        using var proxied = PeerListener.Open("", "", Local);
        using var behindSocket = PeerListener.Open("", "", []);
        var outside = NetworkInterface.GetAllNetworkInterfaces().SelectMany(nic => nic.GetIPProperties().UnicastAddresses).Select(found => found.Address).ToArray();
        Assert.All([proxied, behindSocket], listener => Assert.Contains(listener.Advertised.Address, outside));
        Assert.Equal(proxied.Advertised.Address, behindSocket.Advertised.Address);
    }

    [Fact]
    public void What_is_named_is_taken()
    {
        var port = FreePort.Next();
        using (var listener = PeerListener.Open($"127.0.0.1:{port}", "", Local))
        {
            Assert.Equal(new IPEndPoint(IPAddress.Loopback, port), listener.Advertised);
            var error = Assert.Throws<StartException>(() => PeerListener.Open($"127.0.0.1:{port}", "", Local));
            Assert.Contains($"127.0.0.1:{port}", error.Message);
        }

        using (var listener = PeerListener.Open($":{port}", "10.1.2.3:999", Local))
            Assert.Equal("10.1.2.3:999", listener.Advertised.ToString());

        using (var listener = PeerListener.Open("", "10.1.2.3", Local))
            Assert.Equal(IPAddress.Parse("10.1.2.3"), listener.Advertised.Address);

        using (var listener = PeerListener.Open($"0.0.0.0:{port}", "", Local))
            Assert.Equal(port, listener.Advertised.Port);
    }

    [Theory]
    [InlineData("127.0.0.1:x", "")]
    [InlineData("127.0.0.1:70000", "")]
    [InlineData("", "no.such.host.invalid:1")]
    [InlineData("", "0.0.0.0:2380")]
    [InlineData("192.0.2.1:2380", "")]
    public void What_cannot_be_is_refused_with_a_sentence(string listen, string advertise) =>
        Assert.Throws<StartException>(() => PeerListener.Open(listen, advertise, Local));
}
