using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Kine.Grains.Hosting;

/// <summary>The name of a silo, by which the membership in the store tells the others more than its address: <c>host fingerprint url,url</c>.</summary>
/// <param name="Host">Name of its machine.</param>
/// <param name="Fingerprint">SHA-256 of the certificate that it shows; "-" where certificates are the user's own.</param>
/// <param name="ClientUrls">Where clients reach it.</param>
internal sealed record PeerName(string Host, string Fingerprint, string[] ClientUrls)
{
    /// <summary>The name of this machine as it stands in names of silos.</summary>
    public static string OwnHost { get; } = Environment.MachineName.Replace(' ', '-');

    /// <summary>Reads a silo's name; null when it is not of that form.</summary>
    public static PeerName? Parse(string? siloName) =>
        siloName?.Split(' ') is [var host, var fingerprint, var urls] ? new PeerName(host, fingerprint, urls.Split(',')) : null;

    /// <summary>The fingerprint of a certificate.</summary>
    public static string FingerprintOf(X509Certificate2 certificate) => Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span));

    /// <summary>The member id of the silo at an address: the same after each start.</summary>
    public static ulong MemberId(IPEndPoint address) => BitConverter.ToUInt64(SHA256.HashData(Encoding.ASCII.GetBytes(address.ToString())));

    public override string ToString() => $"{Host} {Fingerprint} {string.Join(',', ClientUrls)}";
}
