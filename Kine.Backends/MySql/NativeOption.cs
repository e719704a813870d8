namespace Kine.Backends.MySql;

/// <summary>Connection options by the numbers of <c>enum mysql_option</c> in the library's mysql.h.</summary>
internal enum NativeOption
{
    /// <summary>Seconds, 0 = none.</summary>
    ConnectTimeout = 0,

    /// <summary>Character set of the handshake.</summary>
    Charset = 7,

    /// <summary>True lets a server ask for this process's files.</summary>
    LocalInfile = 8,

    /// <summary>1 = TCP also for the name localhost, 2 = Unix socket.</summary>
    Protocol = 9,

    /// <summary>Seconds an answer may take, 0 = any time.</summary>
    ReadTimeout = 11,

    /// <summary>Seconds a send may take, 0 = any time.</summary>
    WriteTimeout = 12,

    /// <summary>True connects again behind the caller's back.</summary>
    Reconnect = 20,

    /// <summary>True checks the chain and the name of the server's certificate.</summary>
    VerifyServer = 21,

    /// <summary>Private key of the client, PEM file.</summary>
    ClientKey = 25,

    /// <summary>Certificate of the client, PEM file.</summary>
    ClientCertificate = 26,

    /// <summary>Certificate authorities, PEM file.</summary>
    Authority = 27,

    /// <summary>A name and a value shown in the server's list of connections.</summary>
    AddAttribute = 33,

    /// <summary>True begins TLS when the server has it.</summary>
    UseTls = 38,

    /// <summary>Bytes, a machine word.</summary>
    MaxPacket = 39,

    /// <summary>
    /// File of the fingerprints that a server's certificate may have. Whatever it is, a server without TLS is then left before anything is sent to it; empty, it
    /// names no fingerprints. Seen in the library's releases 3.1 to 3.3; 3.4 then verifies the certificate by its authority, which may refuse more than was
    /// asked for, but never less.
    /// </summary>
    Fingerprints = 7002,

    /// <summary>Names of the authentication plugins that may run.</summary>
    AllowedPlugins = 7026,
}
