using System.CommandLine;

namespace Kine.Host.Client;

/// <summary>etcdctl's options for the connection to a server.</summary>
internal sealed class ServerArguments
{
    private readonly Option<string?> _caFile = new("--cacert") { Description = "CA of the server's certificate (PEM)." };
    private readonly Option<string?> _certFile = new("--cert") { Description = "Client certificate for the server (PEM)." };
    private readonly Option<string?> _keyFile = new("--key") { Description = "Key of the client certificate (PEM)." };
    private readonly Option<bool> _skipVerify = new("--insecure-skip-tls-verify") { Description = "Accept any server certificate." };

    public IEnumerable<Option> All => [_caFile, _certFile, _keyFile, _skipVerify];

    /// <exception cref="FormatException">A certificate is wrong.</exception>
    public ClientTls Read(ParseResult parsed) =>
        ClientTls.Read(parsed.GetValue(_caFile), parsed.GetValue(_certFile), parsed.GetValue(_keyFile), parsed.GetValue(_skipVerify));

    /// <exception cref="FormatException">The endpoint or a certificate is wrong.</exception>
    public EtcdChannel Connect(string endpoint, ParseResult parsed) => new(endpoint, Read(parsed));
}
