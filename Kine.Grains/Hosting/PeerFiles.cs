namespace Kine.Grains.Hosting;

/// <summary>Certificates of the user's own for the connections between processes (PEM files); empty = none, and each process makes its own.</summary>
/// <param name="Certificate">What this process shows, with what leads to the authority.</param>
/// <param name="Key">Private key of that.</param>
/// <param name="TrustedCa">Whose certificates the others may show.</param>
public sealed record PeerFiles(string Certificate, string Key, string TrustedCa)
{
    public static PeerFiles None { get; } = new("", "", "");

    /// <summary>True where they take the place of the store's word.</summary>
    public bool Given => Certificate.Length > 0;

    /// <exception cref="StartException">Only some of them are named.</exception>
    public PeerFiles Check() => (Certificate.Length > 0) == (Key.Length > 0) && (Certificate.Length > 0) == (TrustedCa.Length > 0)
        ? this
        : throw new StartException("--peer-cert-file, --peer-key-file and --peer-trusted-ca-file belong together", wrongSettings: true);
}
