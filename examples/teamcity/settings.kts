// TeamCity's Kotlin DSL. The token is a password parameter; TeamCity does not tell a build the name of its repository.
import jetbrains.buildServer.configs.kotlin.*
import jetbrains.buildServer.configs.kotlin.buildSteps.script

version = "2024.12"

project {
    buildType(Agent)
}

// It has no triggers: somebody presses "Run". A trigger for every push would start a run that costs money.
object Agent : BuildType({
    name = "Agent"

    params {
        password("env.MOGPLEX_API_KEY", "credentialsJSON:00000000-0000-0000-0000-000000000000")
        param("env.MOGPLEX_REPO", "acme/web")
        param("MOGPLEX_OUT_PULL_REQUEST_URL", "")
    }

    steps {
        script {
            name = "Run the agent"
            scriptContent = "mogplex-ci action --prompt 'Fix the failing test.'"
            dockerImage = "ghcr.io/mogplex/run-action:1"
        }
        script {
            name = "Cancel what was left running"
            executionMode = BuildStep.ExecutionMode.ALWAYS
            scriptContent = "mogplex-ci post"
            dockerImage = "ghcr.io/mogplex/run-action:1"
        }
        script {
            name = "Ask for a review"
            scriptContent = "echo 'Please review %MOGPLEX_OUT_PULL_REQUEST_URL%'"
        }
    }

    failureConditions {
        executionTimeoutMin = 60
    }
})
